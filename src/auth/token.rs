//! Signed tokens: `X-Auth-Token`, base64 of `{"auth_data": {...}, "signature": "<base64>"}`.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rsa::RsaPrivateKey;
use rsa::pss::SigningKey;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use rsa::traits::PublicKeyParts as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Denied;
use super::canonical_json::canonical;
use super::reach::Reach;
use super::signature::VerifyingKey;
use crate::domain::moment::Moment;
use crate::ledger::{MAX_AHEAD, UsedToken};

/// The longest header, in bytes. A signature by the largest key takes 1.9 KiB of it.
const MAX_TOKEN: usize = 16 << 10;

/// Base64 as Python decodes it: the standard alphabet, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a token may be bound to: a request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The method, `POST`.
    pub method: &'a str,
    /// The path without the query.
    pub path: &'a str,
    /// The raw body.
    pub body: &'a [u8],
}

/// A token that was read, but not yet believed.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) client_id: String,
    pub(super) signed_at: Moment,
    /// What was signed, as it was sent. It takes work to bring it into the form that was signed: nobody gets that
    /// done who has not a client's name.
    auth_data: Box<RawValue>,
    signature: Vec<u8>,
    binding: Binding,
}

/// The optional fields that tie a token to one request.
#[derive(Debug, Default)]
struct Binding {
    method: Option<String>,
    path: Option<String>,
    body_sha256: Option<String>,
    audience: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    auth_data: &'a RawValue,
    #[serde(borrow)]
    signature: Cow<'a, str>,
}

#[derive(Deserialize)]
struct AuthData<'a> {
    client_id: String,
    #[serde(borrow)]
    timestamp: &'a RawValue,
    method: Option<String>,
    path: Option<String>,
    body_sha256: Option<String>,
    audience: Option<String>,
    nonce: Option<String>,
}

impl Token {
    /// Reads the header.
    pub(super) fn parse(header: &str) -> Result<Self, Denied> {
        let malformed = Denied::MalformedToken;
        if header.len() > MAX_TOKEN {
            return Err(malformed("it is longer than 16 KiB"));
        }
        let text = BASE64.decode(header.trim()).map_err(|_| malformed("it is not base64"))?;
        let envelope: Envelope = serde_json::from_slice(&text)
            .map_err(|_| malformed("it is not a JSON object with auth_data and signature"))?;
        if !envelope.auth_data.get().starts_with('{') {
            // Serde would take a JSON list for an object with its members in order.
            return Err(malformed("auth_data must be an object"));
        }
        let data: AuthData = serde_json::from_str(envelope.auth_data.get()).map_err(|_| {
            malformed("auth_data must have client_id (a string) and timestamp (a number), each key once")
        })?;
        let signed_at = unix_seconds(data.timestamp.get()).ok_or(malformed("timestamp must be Unix seconds"))?;
        if data.nonce.as_ref().is_some_and(|nonce| !(16..=64).contains(&nonce.chars().count())) {
            return Err(malformed("nonce must have 16 to 64 characters"));
        }
        let signature = BASE64.decode(envelope.signature.trim()).map_err(|_| malformed("signature is not base64"))?;
        let AuthData { client_id, method, path, body_sha256, audience, .. } = data;
        let binding = Binding { method, path, body_sha256, audience };
        let auth_data = envelope.auth_data.to_owned();
        Ok(Self { client_id, signed_at, auth_data, signature, binding })
    }

    /// Whether the token was signed in a window around now.
    pub(super) fn check_age(&self, now: Moment, max_age: Duration) -> Result<(), Denied> {
        if self.signed_at < now.minus(max_age) {
            return Err(Denied::TokenExpired);
        }
        if self.signed_at > now.plus(MAX_AHEAD) {
            return Err(Denied::TokenFromFuture);
        }
        Ok(())
    }

    /// Whether the token was signed for this server, as far as it says: another one with the same public key could hand on
    /// what was pushed to it.
    pub(super) fn check_audience(&self, reach: &Reach) -> Result<(), Denied> {
        let is_meant = self.binding.audience.as_ref().is_none_or(|audience| reach.is_meant(audience));
        if is_meant { Ok(()) } else { Err(Denied::TokenMismatch("audience")) }
    }

    /// Whether one of the keys made the signature. Costs 16 µs for a key of 2048 bits, 57 for 4096 and 220 for 8192; twice
    /// as much for each key that did not, or with the shorter salt.
    pub(super) fn check_signature(&self, keys: &[VerifyingKey]) -> Result<(), Denied> {
        let message = canonical(&self.auth_data)
            .map_err(|_| Denied::MalformedToken("auth_data has a key twice or a lone surrogate"))?;
        let verified = keys.iter().any(|key| key.verify(message.as_bytes(), &self.signature));
        verified.then_some(()).ok_or(Denied::BadSignature)
    }

    /// Whether the token was signed for this request, as far as it says.
    pub(super) fn check_binding(&self, request: Bound<'_>) -> Result<(), Denied> {
        let differs = |field: &Option<String>, actual: &str| field.as_ref().is_some_and(|field| field != actual);
        if differs(&self.binding.method, request.method) {
            return Err(Denied::TokenMismatch("method"));
        }
        if differs(&self.binding.path, request.path) {
            return Err(Denied::TokenMismatch("path"));
        }
        match &self.binding.body_sha256 {
            Some(hash) if !hash.eq_ignore_ascii_case(&hex::encode(Sha256::digest(request.body))) => {
                Err(Denied::TokenMismatch("body_sha256"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the token could be put over another body.
    pub(super) const fn is_unbound(&self) -> bool {
        self.binding.body_sha256.is_none()
    }

    /// What is remembered of the token once it was used.
    pub(super) fn used(&self) -> UsedToken {
        UsedToken { signed_at: self.signed_at, digest: Sha256::digest(&self.signature).into() }
    }
}

/// Unix seconds, integer or float, to the microsecond.
fn unix_seconds(text: &str) -> Option<Moment> {
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    // Far beyond any date, and well within what a double counts exactly in microseconds.
    let seconds = text.parse::<f64>().ok()?.clamp(-9e9, 9e9);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 9e15 microseconds")]
    let micros = (seconds * 1e6) as i64;
    Some(Moment::from_micros(micros))
}

#[derive(Serialize)]
struct BoundAuthData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<&'a str>,
    body_sha256: String,
    client_id: &'a str,
    method: &'a str,
    nonce: String,
    path: &'a str,
    timestamp: i64,
}

/// Signs a token that is good for one request.
///
/// # Errors
/// When the machine gives no randomness, or the key cannot sign.
pub fn sign(key: &RsaPrivateKey, client_id: &str, now: Moment, request: Bound<'_>) -> anyhow::Result<String> {
    sign_for(None, key, client_id, now, request)
}

/// The same, good at the server of that name alone.
///
/// # Errors
/// As [`sign`].
pub fn sign_for(
    audience: Option<&str>,
    key: &RsaPrivateKey,
    client_id: &str,
    now: Moment,
    request: Bound<'_>,
) -> anyhow::Result<String> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)?;
    let data = serde_json::value::to_raw_value(&BoundAuthData {
        audience,
        body_sha256: hex::encode(Sha256::digest(request.body)),
        client_id,
        method: request.method,
        nonce: hex::encode(nonce),
        path: request.path,
        timestamp: now.as_micros().div_euclid(1_000_000),
    })?;
    // The longest salt that fits: encoded message, less the hash and two bytes of padding.
    let encoded = (key.n().bits() as usize - 1).div_ceil(8);
    let signer = SigningKey::<Sha256>::new_with_salt_len(key.clone(), encoded - Sha256::output_size() - 2);
    let signature = signer.try_sign_with_rng(&mut rand::rng(), canonical(&data)?.as_bytes())?;
    let signature = STANDARD.encode(signature.to_bytes());
    Ok(STANDARD.encode(serde_json::to_string(&serde_json::json!({"auth_data": data, "signature": signature}))?))
}
