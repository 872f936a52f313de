//! Signed messages in a build without zone transfers: no key is known, so no signature is
//! accepted, and no reply is signed.

use crate::request::{BADKEY, Problem, Request};
use crate::zone::Zones;

/// There is none.
#[derive(Debug)]
pub(crate) enum Signer {}

/// Refuses the request if it has a signature.
pub(crate) fn check(_: &[u8], request: &mut Request<'_>, _: &Zones) -> Option<Signer> {
    let tsig = request.tsig.as_ref()?;
    request.problem = Some(Problem::NotAuth(tsig.refusal(BADKEY)));
    None
}

impl Signer {
    pub(crate) fn is_accepted(&self) -> bool {
        match *self {}
    }

    pub(crate) fn len(&self) -> usize {
        match *self {}
    }

    pub(crate) fn sign(&mut self, _: &mut Vec<u8>) {
        match *self {}
    }
}
