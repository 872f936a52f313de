//! The way to a running process: its socket, or an address and a token.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::admin::default_for_commands;
use crate::api::Refusal;
use crate::cli::address;
use crate::option_file;

/// How long a command waits for its answer.
const PATIENCE: Duration = Duration::from_secs(40);
/// Most bytes of an answer.
const MAX_ANSWER: usize = 256 << 20;

/// Where the process is.
#[derive(Args)]
pub(super) struct DoorArguments {
    /// The socket of the process. The default is the user's own,
    /// `$XDG_RUNTIME_DIR/enact/enact.sock`, or else `/run/enact/enact.sock`
    #[arg(long, value_name = "PATH", env = "ENACT_ADMIN")]
    admin: Option<PathBuf>,
    /// The address of the process, in place of a socket
    #[arg(
        long,
        value_name = "ADDRESS",
        value_parser = address::<8053>,
        requires = "admin_token",
        conflicts_with = "admin"
    )]
    admin_tcp: Option<SocketAddr>,
    /// A file with the token for that address
    #[arg(long, value_name = "FILE", requires = "admin_tcp")]
    admin_token: Option<PathBuf>,
}

/// A way to a process.
pub(super) struct Door {
    place: Place,
    token: Option<HeaderValue>,
}

enum Place {
    Socket(PathBuf),
    Address(SocketAddr),
}

/// Why there is no answer, or another one than wanted.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error(
        "no process can be reached at {place}; is it running, and may this user open it? name another place with --admin PATH"
    )]
    Unreachable {
        place: String,
        #[source]
        source: io::Error,
    },
    #[error("the process at {0} did not answer in {PATIENCE:?}; look at its log")]
    TooSlow(String),
    #[error("the conversation with the process failed")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is not understood; is the process of the same version as this command?")]
    Answer(#[source] serde_json::Error),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Token(String),
}

impl DoorArguments {
    pub(super) fn door(&self) -> Result<Door, AskError> {
        let place = match (self.admin_tcp, &self.admin) {
            (Some(address), _) => Place::Address(address),
            (None, Some(path)) => Place::Socket(path.clone()),
            (None, None) => Place::Socket(default_for_commands()),
        };
        let token = self.admin_token.as_deref().map(token).transpose()?;
        Ok(Door { place, token })
    }
}

fn token(file: &Path) -> Result<HeaderValue, AskError> {
    let text = option_file::read_text("--admin-token", file);
    let text = text.map_err(|error| AskError::Token(error.to_string()))?;
    let text = format!("Bearer {}", text.trim());
    let file = file.display();
    HeaderValue::from_str(&text)
        .map_err(|error| AskError::Token(format!("--admin-token {file}: {error}")))
}

impl Door {
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        self.ask(Method::GET, path, Vec::new())
    }

    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<T, AskError> {
        let body = serde_json::to_vec(request).map_err(AskError::Answer)?;
        self.ask(Method::POST, path, body)
    }

    /// An answer that is no JSON.
    pub(super) fn get_bytes(&self, path: &str) -> Result<Bytes, AskError> {
        self.answer(Method::GET, path, Vec::new())
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, AskError> {
        let answer = self.answer(method, path, body)?;
        serde_json::from_slice(&answer).map_err(AskError::Answer)
    }

    /// The body of the answer, if it is the wanted one.
    fn answer(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, AskError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "enact")
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::from(body));
        let request = request.map_err(|error| AskError::Http(error.into()))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| AskError::Http(error.into()))?;
        let asked = runtime.block_on(async { timeout(PATIENCE, self.exchange(request)).await });
        let (good, answer) = asked.map_err(|_| AskError::TooSlow(self.name()))??;
        if good {
            return Ok(answer);
        }
        let refusal: Refusal = serde_json::from_slice(&answer).map_err(AskError::Answer)?;
        Err(AskError::Refused(refusal.error))
    }

    /// Whether the answer is the wanted one, and its body.
    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(bool, Bytes), AskError> {
        let unreachable = |source| AskError::Unreachable {
            place: self.name(),
            source,
        };
        let response = match &self.place {
            Place::Socket(path) => {
                send(
                    UnixStream::connect(path).await.map_err(unreachable)?,
                    request,
                )
                .await?
            }
            Place::Address(address) => {
                send(
                    TcpStream::connect(address).await.map_err(unreachable)?,
                    request,
                )
                .await?
            }
        };
        let good = response.status().is_success();
        let body = Limited::new(response.into_body(), MAX_ANSWER);
        let body = body.collect().await.map_err(AskError::Http)?;
        Ok((good, body.to_bytes()))
    }

    fn name(&self) -> String {
        match &self.place {
            Place::Socket(path) => path.display().to_string(),
            Place::Address(address) => address.to_string(),
        }
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, AskError> {
    let http = |error: hyper::Error| AskError::Http(error.into());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    // Its error is the request's error too.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(http)
}
