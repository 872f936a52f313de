//! The token that etcd gives for a user's password.

use std::time::Duration;

use parking_lot::RwLock;
use tokio::time::timeout;
use tonic::Code;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tracing::debug;

use crate::Error;
use crate::client::status;
use crate::config::User;
use crate::proto::etcd::AuthenticateRequest;
use crate::proto::etcd::auth_client::AuthClient;

pub(super) struct Login {
    user: Option<User>,
    token: RwLock<Token>,
}

pub(super) type Token = Option<MetadataValue<Ascii>>;

impl Login {
    pub(super) fn new(user: Option<User>) -> Self {
        let token = RwLock::new(None);
        Self { user, token }
    }

    pub(super) fn has_user(&self) -> bool {
        self.user.is_some()
    }

    /// The token to send with a request, or `None` without a user. If there is no token
    /// yet, this asks the member at `url` for one.
    pub(super) async fn token(
        &self,
        url: &str,
        channel: &Channel,
        within: Duration,
    ) -> Result<Token, Error> {
        let (Some(user), None) = (&self.user, self.token.read().clone()) else {
            return Ok(self.token.read().clone());
        };
        let request = AuthenticateRequest {
            name: user.name.clone(),
            password: user.password.clone(),
        };
        let mut client = AuthClient::new(channel.clone());
        let answer = timeout(within, client.authenticate(request)).await;
        let token = match status::answer(url, answer) {
            Ok(answer) => answer.token,
            // The request that needs the token has not been sent yet.
            Err(Error::NoAnswer { endpoint, reason }) => {
                return Err(Error::Unreachable { endpoint, reason });
            }
            Err(error) => return Err(error),
        };
        let token: Token = Some(token.parse().map_err(|_| Error::Refused {
            endpoint: url.into(),
            code: Code::Internal,
            message: "its token is not text".into(),
        })?);
        self.token.write().clone_from(&token);
        debug!(user = %user.name, "logged in");
        Ok(token)
    }

    /// Whether a request was refused because of the token `shown`. If so, that token is not
    /// used again. Several requests may have used the same token: each of them may be
    /// repeated.
    pub(super) fn expired(&self, code: Code, message: &str, shown: &Token) -> bool {
        let for_it = code == Code::Unauthenticated || message.contains("auth store is old");
        if !for_it || shown.is_none() {
            return false;
        }
        let mut token = self.token.write();
        if *token == *shown {
            *token = None;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_that_showed_an_expired_token_goes_on_and_none_drops_a_newer_one() {
        let login = Login::new(None);
        let [old, new]: [Token; 2] = ["old", "new"].map(|token| Some(token.parse().unwrap()));
        login.token.write().clone_from(&old);
        let refused = |shown| login.expired(Code::Unauthenticated, "invalid auth token", shown);
        assert!(refused(&old) && login.token.read().is_none());
        assert!(
            refused(&old),
            "before the first of them has logged in again"
        );
        login.token.write().clone_from(&new);
        assert!(refused(&old), "and after that");
        assert_eq!(*login.token.read(), new);
        assert!(!refused(&None), "a request without a token");
        assert!(!login.expired(Code::PermissionDenied, "permission denied", &new));
        assert_eq!(*login.token.read(), new);
    }
}
