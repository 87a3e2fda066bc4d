//! What a first start creates, and what it tells the newcomer.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

use crate::auth::keyring::DEFAULT_CLIENT;
use crate::auth::password::NewPassword;
use crate::config::Places;
use crate::files::{create_dir, create_private_dir, folder_of, sync_folder};

const FIRST_KEY_BITS: usize = 3072;

/// What the first push is made of.
const SAMPLE: &str = "code,name,volume,cost\n000001.XSHE,平安银行,1000,12.5\n600000.XSHG,浦发银行,800,8.9\n";

/// A key pair on disk.
#[derive(Debug)]
pub struct KeyPair {
    /// The private key, for the client.
    pub private: PathBuf,
    /// The public key, for the server.
    pub public: PathBuf,
}

/// Creates the folder of public keys, to which its owner alone can add one, whatever else the shell would allow; one that
/// is there stays as it is.
///
/// # Errors
/// When it cannot be created.
pub fn create_keys_dir(path: &Path) -> io::Result<()> {
    create_dir(path, 0o755)
}

/// Creates a file that was not there, whole or not at all: whoever is interrupted leaves nothing of that name behind. A
/// private one may be read by its owner alone.
fn create_file(path: &Path, text: &str, private: bool) -> anyhow::Result<()> {
    let folder = folder_of(path);
    let mut aside = tempfile::Builder::new();
    aside.prefix(".jq2qmt-").suffix(".tmp");
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::from_mode(if private { 0o600 } else { 0o644 });
    #[cfg(unix)]
    aside.permissions(mode);
    // On Windows a file takes over who may read from its folder.
    #[cfg(not(unix))]
    let _ = private;
    let mut file = aside.tempfile_in(folder).with_context(|| format!("{} cannot be created", path.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    file.persist_noclobber(path).with_context(|| format!("{} cannot be created", path.display()))?;
    sync_folder(folder).with_context(|| format!("{} cannot be written", folder.display()))
}

/// Creates an empty file that its owner alone may read, where there is none: what fills it would let others read.
///
/// # Errors
/// When it cannot be created.
pub fn create_private_file(path: &Path) -> anyhow::Result<()> {
    if path.exists() { Ok(()) } else { create_file(path, "", true) }
}

/// Creates the data folder and an empty database in it, where there is none, for what is made before the first start.
///
/// # Errors
/// When one of them cannot be created.
pub fn create_database(places: &Places) -> anyhow::Result<()> {
    let data_dir = &places.data_dir;
    create_private_dir(data_dir)
        .with_context(|| format!("the data folder {} cannot be created", data_dir.display()))?;
    create_private_file(&places.database())
}

/// Makes a key pair and writes it to disk; nothing that is there is overwritten.
///
/// # Errors
/// When a file of that name exists, or cannot be written.
pub fn make_key_pair(private: PathBuf, public: PathBuf, bits: usize) -> anyhow::Result<KeyPair> {
    for path in [&private, &public] {
        if path.exists() {
            bail!(
                "{} exists already and is not overwritten; move it away first, or choose another name",
                path.display()
            );
        }
    }
    let key = RsaPrivateKey::new(&mut rand::rng(), bits)?;
    create_file(&private, &key.to_pkcs8_pem(LineEnding::LF)?, true)?;
    publish(&key, &public)?;
    Ok(KeyPair { private, public })
}

/// Writes the public half of a key.
fn publish(key: &RsaPrivateKey, public: &Path) -> anyhow::Result<()> {
    create_file(public, &key.to_public_key().to_public_key_pem(LineEnding::LF)?, false)
}

/// Reads a private key.
fn read_key(path: &Path) -> anyhow::Result<RsaPrivateKey> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    RsaPrivateKey::from_pkcs8_pem(&text).with_context(|| {
        format!("{} is no private key; move it away, and the next start makes another pair", path.display())
    })
}

/// Makes the default client's key pair where there is no public key at all; the private half lies outside of `keys/`.
///
/// Gives the pair also when a first start that failed half-way has made it.
///
/// # Errors
/// When a folder or file cannot be written.
pub fn make_default_key(places: &Places) -> anyhow::Result<Option<KeyPair>> {
    let keys_dir = &places.keys_dir;
    create_keys_dir(keys_dir).with_context(|| format!("the keys folder {} cannot be created", keys_dir.display()))?;
    let (private, public) = default_key(places);
    if private.exists() && public.exists() {
        return Ok(Some(KeyPair { private, public }));
    }
    let entries = std::fs::read_dir(keys_dir).with_context(|| format!("{} cannot be read", keys_dir.display()))?;
    let mut names = entries.filter_map(Result::ok).map(|entry| entry.path());
    if names.any(|path| path.extension().is_some_and(|extension| extension == "pem")) {
        return Ok(None);
    }
    if !sample(places).exists() {
        create_file(&sample(places), SAMPLE, false)?;
    }
    if private.exists() {
        // An earlier start was interrupted between the two halves, and nobody has used the key.
        publish(&read_key(&private)?, &public)?;
        return Ok(Some(KeyPair { private, public }));
    }
    make_key_pair(private, public, FIRST_KEY_BITS).map(Some)
}

fn sample(places: &Places) -> PathBuf {
    places.data_dir.join("first_push.csv")
}

/// What a first start tells: what was created, and what to do next.
pub fn words(places: &Places, base_url: &str, key: Option<&KeyPair>, password: Option<&NewPassword>) -> String {
    let password = password.map(|password| {
        let lead = "操作员密码（只显示这一次） / operator's password, shown this once:";
        format!("\n{lead}\n    {}\n", password.reveal())
    });
    let key = key.map(|key| {
        let (private, public) = (quoted(&key.private), quoted(&key.public));
        format!(
            "\n推送用的私钥 / private key for pushing:  {private}\n服务器用的公钥 / its public half:        {public}\n\n\
             试推一次 / try a push:\n    {}\n查看汇总 / see the total:\n    curl {base_url}/api/v1/positions/total\n\
             在浏览器中查看和修正 / look and correct in a browser:\n    {base_url}\n\n",
            push_command(places, base_url, &key.private)
        )
    });
    [password, key].into_iter().flatten().collect()
}

/// A push to try: with the default client's key where a first start has made it, else with what somebody fills in.
pub fn suggestion(places: &Places, base_url: &str) -> String {
    let (private, public) = default_key(places);
    if private.exists() && public.exists() && sample(places).exists() {
        return push_command(places, base_url, &private);
    }
    let program = quoted(&program());
    format!("{program} push --server {base_url} --key PRIVATE.pem --client CLIENT_ID --strategy alpha list.csv")
}

/// Where the default client's private and public key lie.
fn default_key(places: &Places) -> (PathBuf, PathBuf) {
    let private = places.data_dir.join(format!("{DEFAULT_CLIENT}_private.pem"));
    (private, places.keys_dir.join(format!("{DEFAULT_CLIENT}.pem")))
}

/// The command that pushes the first list with the default client's key.
fn push_command(places: &Places, base_url: &str, private: &Path) -> String {
    let (program, private, sample) = (quoted(&program()), quoted(private), quoted(&sample(places)));
    format!("{program} push --server {base_url} --key {private} --client {DEFAULT_CLIENT} --strategy alpha {sample}")
}

/// How this program is called: as it lies from here, where it lies below.
fn program() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_else(|_| "jq2qmt".into());
    let here = std::env::current_dir().unwrap_or_default();
    exe.strip_prefix(here).map(|below| Path::new(".").join(below)).unwrap_or(exe)
}

/// A path as both kinds of shell take it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(' ') { format!("\"{text}\"") } else { text }
}
