//! Makes a new migration alone a reason to build again.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
