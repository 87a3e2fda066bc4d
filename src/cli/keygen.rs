//! `jq2qmt keygen`

use anyhow::bail;

use super::say;
use crate::config::{KeygenOptions, Places};
use crate::files::create_private_dir;
use crate::first_start::{create_keys_dir, make_key_pair};

/// Makes a key pair for a client.
pub(super) fn run(places: &Places, options: &KeygenOptions) -> anyhow::Result<()> {
    let client = &options.client_id;
    let is_name = |text: &str| {
        (1..=64).contains(&text.chars().count()) && text.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    for text in std::iter::once(client).chain(&options.tag) {
        if !is_name(text) {
            bail!("{text:?} cannot be part of a key's file name: 1 to 64 letters, digits, - and _ can");
        }
    }
    let stem = options.tag.as_ref().map_or_else(|| client.clone(), |tag| format!("{client}.{tag}"));
    let public = places.keys_dir.join(format!("{stem}.pem"));
    if public.exists() && options.tag.is_none() {
        bail!(
            "client {client} has a key already ({}). For a further one, so that keys can be changed without a gap, \
             add --tag, for example --tag 2",
            public.display()
        );
    }
    let out = options.out.as_ref().unwrap_or(&places.data_dir);
    create_private_dir(out)?;
    create_keys_dir(&places.keys_dir)?;
    if out.canonicalize()? == places.keys_dir.canonicalize()? {
        bail!("a private key does not belong in the keys folder; choose another with --out DIR");
    }
    let private = out.join(format!("{}_private.pem", stem.replace('.', "_")));
    let pair = make_key_pair(private, public, usize::try_from(options.bits)?)?;
    say(format_args!("private key, for the client alone: {}", pair.private.display()))?;
    say(format_args!("public key, for the server:        {}", pair.public.display()))?;
    Ok(())
}
