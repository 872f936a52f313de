//! Where the admin API listens, on the command line.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use crate::cli::address;
use crate::option_file;

/// How long a token is, in characters.
const TOKEN: std::ops::RangeInclusive<usize> = 16..=512;

/// Where the admin API listens.
#[derive(Args)]
pub(crate) struct AdminArguments {
    /// The socket of the admin API, for `enact status` and the other commands; `off` for none.
    /// The default is `enact.sock` in `$RUNTIME_DIRECTORY`, or `enact/enact.sock` in
    /// `$XDG_RUNTIME_DIR` or in `/run`
    #[arg(long, value_name = "PATH")]
    admin: Option<AdminPlace>,
    /// The mode of the socket's file: who may open it may do everything. 660 lets a group in
    #[arg(long, value_name = "MODE", default_value = "600", value_parser = mode)]
    admin_mode: u32,
    /// An address for the admin API over TCP. Nothing is encrypted: use a loopback address, or
    /// a network that only operators reach
    #[arg(long, value_name = "ADDRESS", requires = "admin_token", value_parser = address::<8053>)]
    admin_tcp: Option<SocketAddr>,
    /// A file with the token that each request over TCP needs: 16 to 512 characters in one line
    #[arg(long, value_name = "FILE", requires = "admin_tcp")]
    admin_token: Option<PathBuf>,
}

/// A place for the socket.
#[derive(Clone, Debug)]
pub(super) enum AdminPlace {
    Off,
    Path(PathBuf),
}

impl FromStr for AdminPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("name a path, or `off`".into()),
            "off" => Ok(Self::Off),
            path => Ok(Self::Path(path.into())),
        }
    }
}

fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok();
    let mode = mode.filter(|mode| mode & !0o777 == 0 && mode & 0o600 == 0o600);
    mode.ok_or_else(|| "use an octal mode from 600 to 777, such as 660".into())
}

impl AdminArguments {
    /// The place that the operator names.
    pub(super) fn place(&self) -> Option<&AdminPlace> {
        self.admin.as_ref()
    }

    pub(super) fn mode(&self) -> u32 {
        self.admin_mode
    }

    /// The address and the token for TCP.
    pub(super) fn tcp(&self) -> io::Result<Option<(SocketAddr, String)>> {
        let both = self.admin_tcp.zip(self.admin_token.as_deref());
        both.map(|(address, file)| Ok((address, token(file)?)))
            .transpose()
    }
}

fn token(file: &Path) -> io::Result<String> {
    let text = option_file::read_text("--admin-token", file)?;
    let token = text.trim();
    if TOKEN.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(token.into());
    }
    let text = "a token has 16 to 512 printable ASCII characters, without spaces";
    let text = format!("--admin-token {}: {text}", file.display());
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}
