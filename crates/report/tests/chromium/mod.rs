//! A headless Chromium with a page open in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Network, Page};
use headless_chrome::{Browser, LaunchOptions, Tab};
use serde_json::Value;

/// The time-out of each action. It is long, because the machine may be busy.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where the packages of Debian and Ubuntu put the browser.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Without these the browser looks for updates.
const QUIET: [&str; 2] = ["--disable-quic", "--disable-component-update"];

/// A page in a browser. The browser's complaints and its requests to the network
/// are recorded.
pub(crate) struct Open {
    tab: Arc<Tab>,
    complaints: Arc<Mutex<Vec<String>>>,
    requests: Arc<Mutex<Vec<String>>>,
    _browser: Browser,
}

impl Open {
    /// Opens it in a window of this size; `query` is what follows the address.
    pub(crate) fn new(page: &Path, query: &str, (width, height): (u32, u32)) -> Self {
        assert!(
            Path::new(CHROMIUM).exists(),
            "{CHROMIUM} is missing; install it with `apt-get install chromium fonts-noto-cjk`"
        );
        let options = LaunchOptions {
            path: Some(PathBuf::from(CHROMIUM)),
            sandbox: false,
            args: QUIET.map(OsStr::new).into(),
            idle_browser_timeout: PATIENCE,
            ..LaunchOptions::default()
        };
        let browser = Browser::new(options).unwrap();
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(PATIENCE);
        let open = Self {
            tab,
            complaints: Arc::default(),
            requests: Arc::default(),
            _browser: browser,
        };
        open.listen();
        open.resize(width, height);
        let url = format!("file://{}{query}", page.display());
        open.tab.navigate_to(&url).unwrap();
        open.tab.wait_until_navigated().unwrap();
        open
    }

    fn listen(&self) {
        let (complaints, requests) = (Arc::clone(&self.complaints), Arc::clone(&self.requests));
        let listener = move |event: &Event| match event {
            Event::NetworkRequestWillBeSent(sent) => {
                requests
                    .lock()
                    .unwrap()
                    .push(sent.params.request.url.clone());
            }
            Event::LogEntryAdded(added) => {
                complaints
                    .lock()
                    .unwrap()
                    .push(added.params.entry.text.clone());
            }
            Event::RuntimeExceptionThrown(thrown) => {
                let details = &thrown.params.exception_details;
                complaints.lock().unwrap().push(format!("{details:?}"));
            }
            Event::RuntimeConsoleAPICalled(called) => {
                complaints
                    .lock()
                    .unwrap()
                    .push(format!("{:?}", called.params));
            }
            _ => {}
        };
        self.tab.add_event_listener(Arc::new(listener)).unwrap();
        self.tab.enable_log().unwrap().enable_runtime().unwrap();
        let enable = Network::Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        };
        self.tab.call_method(enable).unwrap();
    }

    /// A window, or a phone, of this size in CSS pixels.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size = Emulation::SetDeviceMetricsOverride {
            width,
            height,
            device_scale_factor: 1.0,
            mobile: width < 500,
            scale: None,
            screen_width: None,
            screen_height: None,
            position_x: None,
            position_y: None,
            dont_set_visible_size: None,
            screen_orientation: None,
            viewport: None,
            display_feature: None,
            device_posture: None,
        };
        self.tab.call_method(size).unwrap();
    }

    /// The value of an expression, as JSON.
    pub(crate) fn ask(&self, expression: &str) -> Value {
        let asked = format!("JSON.stringify({expression})");
        let answer = self.tab.evaluate(&asked, false).unwrap();
        let answer = answer.value.unwrap_or_default();
        serde_json::from_str(answer.as_str().unwrap_or("null")).unwrap()
    }

    /// Opens every `details` element of the page.
    pub(crate) fn unfold(&self) {
        self.ask("document.querySelectorAll('details').forEach((it) => { it.open = true; })");
    }

    /// Presses a key, as `Tab` or `Enter`.
    pub(crate) fn press(&self, key: &str) {
        self.tab.press_key(key).unwrap();
    }

    /// A screenshot of a part of the page: x, y, width, height. It must be in sight.
    pub(crate) fn look(&self, [x, y, width, height]: [f64; 4]) -> Pixels {
        let png = Page::CaptureScreenshotFormatOption::Png;
        let clip = Page::Viewport {
            x,
            y,
            width,
            height,
            scale: 1.0,
        };
        let shot = self.tab.capture_screenshot(png, None, Some(clip), true);
        Pixels::decode(&shot.unwrap())
    }

    /// Shows the page with the styles for print.
    pub(crate) fn emulate_print(&self) {
        let print = Emulation::SetEmulatedMedia {
            media: Some("print".into()),
            features: None,
        };
        self.tab.call_method(print).unwrap();
    }

    /// The page as a PDF.
    pub(crate) fn print(&self) -> Vec<u8> {
        self.tab.print_to_pdf(None).unwrap()
    }

    /// The browser's complaints so far.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }

    /// The addresses that were loaded so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A screenshot.
pub(crate) struct Pixels(Vec<[u8; 3]>);

impl Pixels {
    fn decode(png: &[u8]) -> Self {
        let mut reader = png::Decoder::new(Cursor::new(png)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        let samples = info.color_type.samples();
        let pixels = bytes[..info.buffer_size()].chunks(samples);
        Self(pixels.map(|it| [it[0], it[1], it[2]]).collect())
    }

    /// The number of different colours.
    pub(crate) fn colours(&self) -> usize {
        self.0.iter().collect::<BTreeSet<_>>().len()
    }

    /// The share of pixels that do not have the commonest colour.
    pub(crate) fn drawn(&self) -> f64 {
        let mut counts = BTreeMap::<_, u32>::new();
        for pixel in &self.0 {
            *counts.entry(pixel).or_default() += 1;
        }
        let ground = counts.values().copied().max().unwrap_or_default();
        1.0 - f64::from(ground) / f64::from(u32::try_from(self.0.len()).unwrap())
    }

    /// The mean lightness, from 0 to 255.
    pub(crate) fn light(&self) -> f64 {
        let sum: f64 = self.0.iter().flatten().copied().map(f64::from).sum();
        sum / f64::from(u32::try_from(3 * self.0.len()).unwrap())
    }
}
