//! The admin API: HTTP and JSON on a Unix socket, and on TCP with a token.
//!
//! # Permissions
//! The mode of the socket's file decides which users of this machine may connect. Over TCP,
//! each request needs the token. A client that may connect may do everything.
//!
//! # Limits
//! 1. A request's head has at most 8 KiB, a body 64 KiB, and the body of `plan`, which has a
//!    fleet file, [`MAX_PLAN`]. Only one such body is read at a time.
//! 2. A client has 30 seconds from its connection to the end of the answer.
//! 3. Four requests may wait for the store or the Planner at a time. Beyond that the answer
//!    is 503.
//!
//! Each change is logged with its author: the user at the other end of the socket, as the
//! operating system says it, or the address that sent the token.

mod arguments;
mod desk;
mod socket;
mod status;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

#[cfg(doc)]
use control_plane::Fleet;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tracing::{info, warn};

use crate::api::Refusal;
use crate::backing::Backing;
use crate::http::{Blocking, Client, HttpServer, NotDone, Site};

pub(crate) use self::arguments::AdminArguments;
pub(crate) use self::desk::{Desk, Office, user};
pub(crate) use self::socket::{Socket, default_for_commands};
pub(crate) use self::status::Overview;

/// Most bytes of a body.
const MAX_BODY: usize = 64 << 10;
/// Most bytes of a body with a fleet file and its zone files ([`Fleet::MAX_BYTES`] in all), of
/// which JSON escapes the line ends and the quotes.
const MAX_PLAN: usize = 80 << 20;

/// The path whose answer is no JSON.
const BACKUP: &str = "/v1/backup";

/// The servers of the admin API. Dropping this stops them and removes the socket.
pub(crate) struct Admin {
    _servers: Vec<HttpServer>,
    _socket: Option<Socket>,
}

/// The status and the text of an answer that refuses.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) StatusCode, pub(crate) String);

/// What is asked.
#[derive(PartialEq, Eq, Debug)]
enum Route<'a> {
    Get(Get<'a>),
    Post(Post),
}

#[derive(PartialEq, Eq, Debug)]
enum Get<'a> {
    Status,
    Endpoints,
    Targets,
    Endpoint(&'a str),
    Target(&'a str),
    History,
    Diff(&'a str, &'a str),
    Backup,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Post {
    Confirm,
    Reject,
    Drain,
    Undrain,
    Freeze,
    Thaw,
    Return,
    Plan,
}

/// The name of the command.
impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confirm => "confirm",
            Self::Reject => "reject",
            Self::Drain => "drain",
            Self::Undrain => "undrain",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Return => "return",
            Self::Plan => "plan",
        })
    }
}

/// The API on one listener.
struct Api<S> {
    desk: Arc<Desk<S>>,
    /// Needed in each request, if there is one.
    token: Option<String>,
    blocking: Arc<Blocking>,
    /// One permit for a body with a fleet file.
    plans: Semaphore,
}

impl Admin {
    /// Opens the listeners that the arguments name.
    pub(crate) fn start<S: Backing>(
        arguments: &AdminArguments,
        desk: &Arc<Desk<S>>,
    ) -> io::Result<Self> {
        let api = |token| {
            Arc::new(Api {
                desk: Arc::clone(desk),
                token,
                blocking: Arc::default(),
                plans: Semaphore::new(1),
            })
        };
        let mut servers = Vec::new();
        let opened = socket::open(arguments)?;
        let socket = opened.map(|(socket, listener)| {
            let listen = || UnixListener::from_std(listener);
            servers.push(HttpServer::start(listen, api(None))?);
            info!(socket = %socket.path().display(), "admin API");
            Ok::<_, io::Error>(socket)
        });
        let socket = socket.transpose()?;
        if let Some((address, token)) = arguments.tcp()? {
            let named = |error: io::Error| {
                let text = format!("cannot listen on {address} (admin API): {error}");
                io::Error::new(error.kind(), text)
            };
            let listener = std::net::TcpListener::bind(address).map_err(named)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            let listen = || TcpListener::from_std(listener);
            servers.push(HttpServer::start(listen, api(Some(token)))?);
            info!(%address, "admin API over TCP");
        }
        Ok(Self {
            _servers: servers,
            _socket: socket,
        })
    }
}

impl<S: Backing> Site for Api<S> {
    const PATIENCE: Duration = Duration::from_secs(30);

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        client: Client,
    ) -> Response<Full<Bytes>> {
        let is_backup = request.uri().path() == BACKUP;
        let (status, body) = match self.decide(request, client).await {
            Ok(body) => (StatusCode::OK, body),
            Err(Refused(status, error)) => (status, json(&Refusal { error }).unwrap_or_default()),
        };
        let kind = if is_backup && status == StatusCode::OK {
            "application/octet-stream"
        } else {
            "application/json"
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl<S: Backing> Api<S> {
    async fn decide(&self, request: Request<Incoming>, client: Client) -> Result<Vec<u8>, Refused> {
        self.authorize(request.headers())?;
        let (head, body) = request.into_parts();
        let desk = Arc::clone(&self.desk);
        match route(&head.method, head.uri.path())? {
            Route::Get(_) => {
                let work = move || match route(&head.method, head.uri.path())? {
                    Route::Get(get) => desk.get(&get),
                    Route::Post(_) => Err(unknown()),
                };
                self.blocking.run(work).await?
            }
            Route::Post(post) => {
                let is_plan = post == Post::Plan;
                let permit = is_plan.then(|| self.plans.try_acquire()).transpose();
                let _held = permit.map_err(|_| NotDone::Busy)?;
                let most = if is_plan { MAX_PLAN } else { MAX_BODY };
                let body = read(&head.headers, body, most).await?;
                let work = move || desk.post(post, &body, client);
                self.blocking.run(work).await?
            }
        }
    }

    fn authorize(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|given| given.strip_prefix(b"Bearer "));
        if given.is_some_and(|given| given.ct_eq(token.as_bytes()).into()) {
            return Ok(());
        }
        let text = "this needs the token; send it as `Authorization: Bearer TOKEN`";
        Err(Refused(StatusCode::UNAUTHORIZED, text.into()))
    }
}

/// Reads a body of JSON.
async fn read(headers: &HeaderMap, body: Incoming, most: usize) -> Result<Bytes, Refused> {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind != Some(b"application/json") {
        let text = "send JSON, with `Content-Type: application/json`";
        return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, text.into()));
    }
    let too_large = || {
        let text = format!("the body has more than {most} bytes; send less");
        Refused(StatusCode::PAYLOAD_TOO_LARGE, text)
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Refused(
            StatusCode::BAD_REQUEST,
            format!("the body cannot be read: {error}"),
        )),
    }
}

/// What the path asks for. Paths are taken as they are: nothing in them is decoded, and a path
/// with `..`, an empty part or a `%` is unknown.
fn route<'a>(method: &Method, path: &'a str) -> Result<Route<'a>, Refused> {
    let path = path.strip_prefix("/v1/").ok_or_else(unknown)?;
    let parts: Vec<_> = path.split('/').collect();
    let found = match parts[..] {
        ["status"] => Route::Get(Get::Status),
        ["endpoints"] => Route::Get(Get::Endpoints),
        ["targets"] => Route::Get(Get::Targets),
        ["endpoints", name] => Route::Get(Get::Endpoint(name)),
        ["targets", address] => Route::Get(Get::Target(address)),
        ["backup"] => Route::Get(Get::Backup),
        ["history"] => Route::Get(Get::History),
        ["diff", from, to] => Route::Get(Get::Diff(from, to)),
        ["confirm"] => Route::Post(Post::Confirm),
        ["reject"] => Route::Post(Post::Reject),
        ["drain"] => Route::Post(Post::Drain),
        ["undrain"] => Route::Post(Post::Undrain),
        ["freeze"] => Route::Post(Post::Freeze),
        ["thaw"] => Route::Post(Post::Thaw),
        ["return"] => Route::Post(Post::Return),
        ["plan"] => Route::Post(Post::Plan),
        _ => return Err(unknown()),
    };
    let wanted = match found {
        Route::Get(_) => Method::GET,
        Route::Post(_) => Method::POST,
    };
    if *method == wanted {
        Ok(found)
    } else {
        let text = format!("use {wanted} for this path");
        Err(Refused(StatusCode::METHOD_NOT_ALLOWED, text))
    }
}

fn unknown() -> Refused {
    let text = "there is no such path; docs/commands.md lists the paths under /v1/";
    Refused(StatusCode::NOT_FOUND, text.into())
}

fn json(answer: &impl Serialize) -> Result<Vec<u8>, Refused> {
    serde_json::to_vec(answer).map_err(|error| {
        warn!(%error, "an answer of the admin API cannot be written");
        Refused(StatusCode::INTERNAL_SERVER_ERROR, "see the log".into())
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| {
        let text = format!("the body is not the JSON that this path takes: {error}");
        Refused(StatusCode::BAD_REQUEST, text)
    })
}

impl From<NotDone> for Refused {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Busy => Self(
                StatusCode::SERVICE_UNAVAILABLE,
                "other requests wait for the store or the Planner; ask again later".into(),
            ),
            NotDone::Panicked => Self(StatusCode::INTERNAL_SERVER_ERROR, "see the log".into()),
        }
    }
}

/// A store that failed.
impl From<plan_store::Error> for Refused {
    fn from(error: plan_store::Error) -> Self {
        let text = format!(
            "the store failed; look at `enact status` before you repeat the command: {}",
            control_plane::chain(&error)
        );
        Self(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}
