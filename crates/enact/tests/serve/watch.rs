//! `enact watch` on a terminal of its own.

use std::os::unix::fs::symlink;
use std::process::ChildStdin;

use super::commands::zones;
use super::*;

/// The command on a pseudo-terminal of 80 columns and 24 lines, which `script` of util-linux makes.
struct Watch {
    script: Child,
    keys: ChildStdin,
    output: Receiver<Vec<u8>>,
    /// What was drawn since the last key.
    drawn: Vec<u8>,
}

impl Watch {
    fn start(admin: &Path, variables: &[(&str, &str)]) -> Self {
        let command = concat!(
            "stty rows 24 cols 80; exec ",
            env!("CARGO_BIN_EXE_enact"),
            " watch"
        );
        let mut script = Command::new("script");
        script
            .args([
                "--quiet",
                "--return",
                "--flush",
                "--command",
                command,
                "/dev/null",
            ])
            .env("ENACT_ADMIN", admin)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut script = script.spawn().unwrap();
        let keys = script.stdin.take().unwrap();
        let mut shown = script.stdout.take().unwrap();
        let (send, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = shown.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            script,
            keys,
            output,
            drawn: Vec::new(),
        }
    }

    fn press(&mut self, keys: &str) {
        self.drawn.clear();
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// The words that are drawn, without what moves the cursor or changes the style.
    fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.drawn);
        let mut words = String::new();
        let mut parts = text.split('\u{1b}');
        words.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let is_end = |c: char| c.is_ascii_alphabetic();
            let end = part.find(is_end).map_or(part.len(), |end| end + 1);
            words.push(' ');
            words.push_str(&part[end..]);
        }
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.words().contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(more) = self.output.recv_timeout(left) else {
                panic!("`{text}` is not drawn: {}", self.words());
            };
            self.drawn.extend(more);
        }
    }

    /// The rest of what is drawn, after the command has ended well.
    fn ended(mut self) -> String {
        drop(self.keys);
        assert!(self.script.wait().unwrap().success());
        self.drawn.extend(self.output.iter().flatten());
        String::from_utf8_lossy(&self.drawn).into_owned()
    }
}

const COLOUR: &str = "\u{1b}[38;5;";
const END_OF_SCREEN: &str = "\u{1b}[?1049l";

#[test]
fn watch_shows_endpoints_and_targets_and_survives_a_restart_of_the_process() {
    let (mut targets, fleet, serve) = zones();
    let link = new_socket().with_extension("link");
    symlink(&serve.admin, &link).unwrap();
    let mut watch = Watch::start(&link, &[]);
    watch.wait_for("ready, role all, enact");
    watch.wait_for("targets 6 up, 0 down");
    targets.end(&[3]);
    let target = Targets::address(3).to_string();
    watch.wait_for(&format!("{target} down since "));
    assert!(String::from_utf8_lossy(&watch.drawn).contains(COLOUR));
    // Each key draws the screen anew, so that all of it is there to read.
    watch.press("2\x0c");
    watch.wait_for("a.re.example plan ");
    watch.press("3\x0c");
    watch.wait_for("connection refused");
    let other = Targets::address(4).to_string();
    watch.press(&format!("/{other}\r\x0c"));
    watch.wait_for("lines 1-1 of 1 with");

    serve.end();
    watch.wait_for("NO CONTACT since ");
    let serve = Serve::start(&["--fleet", fleet.path()]);
    fs::remove_file(&link).unwrap();
    symlink(&serve.admin, &link).unwrap();
    watch.press("\x0c");
    watch.wait_for("ready;");
    watch.press("q");
    assert!(
        watch.ended().contains(END_OF_SCREEN),
        "the terminal is as before"
    );
    fs::remove_file(&link).unwrap();
    serve.end();
}

#[test]
fn watch_draws_without_colours_if_that_is_asked_and_only_on_a_terminal() {
    let (_targets, _fleet, serve) = zones();
    let mut watch = Watch::start(&serve.admin, &[("NO_COLOR", "1")]);
    watch.wait_for("ready; plan ");
    assert!(!String::from_utf8_lossy(&watch.drawn).contains(COLOUR));
    watch.press("\x03");
    assert!(watch.ended().contains(END_OF_SCREEN));
    // No terminal, no screen.
    let output = serve.command(&["watch"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("`enact status`"), "{error}");
    serve.end();
}
