//! A client that signs, written from RFC 8945 alone. Shared by the tests and by the fuzz target.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use dns_server::TsigKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

pub(crate) const SECRET: &[u8] = b"a secret that only the tests know";
pub(crate) const BADTIME: u16 = 18;

/// The key `key.test` as the server has it.
pub(crate) fn key(algorithm: &str) -> Arc<TsigKey> {
    let text = format!("{algorithm}:key.test:{}", BASE64.encode(SECRET));
    Arc::new(text.parse().unwrap())
}

/// How a client signs.
#[derive(Clone)]
pub(crate) struct Signing {
    pub(crate) algorithm: &'static str,
    pub(crate) key: &'static [u8],
    pub(crate) secret: Vec<u8>,
    pub(crate) time: u64,
    pub(crate) fudge: u16,
    /// How many bytes of the MAC are sent.
    pub(crate) length: usize,
}

impl Signing {
    pub(crate) fn right(algorithm: &'static str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self {
            algorithm,
            key: b"\x03KEY\x04test\0",
            secret: SECRET.to_vec(),
            time: now.as_secs(),
            fudge: 300,
            length: usize::MAX,
        }
    }

    fn mac(&self, bytes: &[u8]) -> Vec<u8> {
        if self.algorithm == "hmac-sha512" {
            let hash = Hmac::<Sha512>::new_from_slice(&self.secret).unwrap();
            hash.chain_update(bytes).finalize().into_bytes().to_vec()
        } else {
            let hash = Hmac::<Sha256>::new_from_slice(&self.secret).unwrap();
            hash.chain_update(bytes).finalize().into_bytes().to_vec()
        }
    }

    fn algorithm_name(&self) -> Vec<u8> {
        let length = u8::try_from(self.algorithm.len()).unwrap();
        [&[length], self.algorithm.as_bytes(), &[0]].concat()
    }

    fn time(&self) -> Vec<u8> {
        [&self.time.to_be_bytes()[2..], &self.fudge.to_be_bytes()].concat()
    }

    /// The fields that a MAC covers.
    fn fields(&self, error: u16, other: &[u8]) -> Vec<u8> {
        let length = u16::try_from(other.len()).unwrap();
        [
            &self.key.to_ascii_lowercase()[..],
            &[0, 255, 0, 0, 0, 0],
            &self.algorithm_name(),
            &self.time(),
            &error.to_be_bytes(),
            &length.to_be_bytes(),
            other,
        ]
        .concat()
    }

    /// The signed reply to a request with this MAC.
    pub(crate) fn sign_reply(&self, packet: &[u8], request: &[u8]) -> Vec<u8> {
        let length = u16::try_from(request.len()).unwrap().to_be_bytes();
        self.sign_after(&[&length, request].concat(), packet).0
    }

    /// The signed packet, and its MAC.
    pub(crate) fn sign(&self, packet: &[u8]) -> (Vec<u8>, Vec<u8>) {
        self.sign_after(&[], packet)
    }

    fn sign_after(&self, before: &[u8], packet: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut mac = self.mac(&[before, packet, &self.fields(0, &[])].concat());
        mac.truncate(self.length);
        let length = u16::try_from(mac.len()).unwrap().to_be_bytes();
        let data = [
            &self.algorithm_name()[..],
            &self.time(),
            &length,
            &mac,
            &packet[..2],
            &[0; 4],
        ]
        .concat();
        let mut packet = packet.to_vec();
        packet[11] += 1;
        packet.extend(self.key);
        packet.extend([0, 250, 0, 255, 0, 0, 0, 0]);
        packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        packet.extend(data);
        (packet, mac)
    }

    /// Checks the signature of a reply after a message with this MAC, and returns the reply
    /// without it, its MAC, and its error. `is_first` of a stream.
    pub(crate) fn check(
        &self,
        reply: &[u8],
        before: &[u8],
        is_first: bool,
    ) -> (Vec<u8>, Vec<u8>, u16) {
        let name = [&self.key.to_ascii_lowercase()[..], &[0, 250, 0, 255]].concat();
        let lower = reply.to_ascii_lowercase();
        let start = lower.windows(name.len()).rposition(|at| at == name);
        let start = start.unwrap();
        let data = &reply[start + name.len() + 6..];
        let after = |at: usize| &data[self.algorithm_name().len() + at..];
        let number = |at: usize| u16::from_be_bytes([after(at)[0], after(at)[1]]);
        let length = usize::from(number(8));
        let mac = after(10)[..length].to_vec();
        assert_eq!(after(10 + length)[..2], reply[..2], "the id");
        let error = number(12 + length);
        let other = &after(16 + length)[..usize::from(number(14 + length))];
        assert_eq!(
            after(16 + length).len(),
            other.len(),
            "it is the last record"
        );
        let mut message = reply[..start].to_vec();
        message[11] -= 1;
        let signed = Self {
            time: u64::from_be_bytes([&[0, 0], &after(0)[..6]].concat().try_into().unwrap()),
            fudge: number(6),
            ..self.clone()
        };
        if length > 0 {
            let fields = if is_first {
                signed.fields(error, other)
            } else {
                signed.time()
            };
            let before_length = u16::try_from(before.len()).unwrap().to_be_bytes();
            let covered = [&before_length[..], before, &message, &fields].concat();
            assert_eq!(mac, self.mac(&covered), "the MAC");
        }
        if error == BADTIME {
            assert_eq!(signed.time, self.time, "the client's time");
            let now = u64::from_be_bytes([&[0, 0], other].concat().try_into().unwrap());
            assert!(now.abs_diff(Self::right("").time) < 60, "the server's time");
        } else {
            assert_eq!(other, [0_u8; 0]);
        }
        (message, mac, error)
    }
}
