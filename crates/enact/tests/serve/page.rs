//! The status page, in a browser.

use std::ffi::OsStr;
use std::sync::{Arc, Mutex};

use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Page};
use headless_chrome::{Browser, LaunchOptions, Tab};
use serde_json::{Value, json};

use super::*;

/// Where the packages of Debian and Ubuntu put the browser.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Without these the browser looks for updates.
const QUIET: [&str; 2] = ["--disable-quic", "--disable-component-update"];

fn ask(tab: &Tab, expression: &str) -> Value {
    let found = tab.evaluate(&format!("JSON.stringify({expression})"), false);
    let text = found.unwrap().value.unwrap();
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

/// A window of this width, and this theme.
fn look(tab: &Tab, width: u32, theme: &str) {
    tab.call_method(Emulation::SetDeviceMetricsOverride {
        width,
        height: 1600,
        device_scale_factor: 1.0,
        mobile: width < 600,
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
    })
    .unwrap();
    let feature = Emulation::MediaFeature {
        name: "prefers-color-scheme".into(),
        value: theme.into(),
    };
    tab.call_method(Emulation::SetEmulatedMedia {
        media: None,
        features: Some(vec![feature]),
    })
    .unwrap();
}

/// Everything that the page can show is on it: a dead target, a held change, a drain, a freeze
/// with a reason that plays a trick.
fn busy() -> (Targets, FleetFile, Serve) {
    let (mut targets, fleet, serve) = commands::zones();
    targets.end(&[3]);
    serve.ask_until("a.re.example.", has(&[1, 2, 4, 5, 6]));
    let [one, two] = [1, 2].map(|number| Targets::address(number).to_string());
    serve.tell(&["drain", &one, "--for", "2h", "--why", "rack work"]);
    serve.tell(&["drain", &two]);
    serve.tell(&["freeze", "--why", "<script>alert(1)</script> & \"quotes\""]);
    (targets, fleet, serve)
}

#[test]
fn the_page_is_whole_in_both_themes_and_on_a_phone_and_runs_nothing() {
    assert!(
        Path::new(CHROMIUM).exists(),
        "{CHROMIUM} is missing; install it with `apt-get install chromium`"
    );
    let (_targets, _fleet, serve) = busy();
    let options = LaunchOptions {
        path: Some(CHROMIUM.into()),
        sandbox: false,
        args: QUIET.map(OsStr::new).into(),
        idle_browser_timeout: PATIENCE,
        ..LaunchOptions::default()
    };
    let browser = Browser::new(options).unwrap();
    let tab = browser.new_tab().unwrap();
    tab.set_default_timeout(PATIENCE);
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&complaints);
    let listener = move |event: &Event| {
        if let Event::LogEntryAdded(added) = event {
            heard.lock().unwrap().push(added.params.entry.text.clone());
        }
    };
    tab.add_event_listener(Arc::new(listener)).unwrap();
    tab.enable_log().unwrap();
    tab.navigate_to(&format!("http://{}/", serve.http)).unwrap();
    tab.wait_until_navigated().unwrap();

    let text = ask(&tab, "document.body.innerText");
    let text = text.as_str().unwrap();
    for shown in [
        "ready",
        "<script>alert(1)</script> & \"quotes\"",
        "rack work",
        "connection refused",
        "a.re.example",
        "the fleet or a drain would leave 0 of the 1 target that may still serve (2 in the fleet file)",
        "drained target",
        "Last plans",
    ] {
        assert!(text.contains(shown), "{shown} is not on the page:\n{text}");
    }
    assert_eq!(
        ask(&tab, "document.querySelectorAll('script').length"),
        json!(0)
    );
    let light = "getComputedStyle(document.body).backgroundColor";
    let mut papers = Vec::new();
    for width in [1280, 360] {
        for theme in ["light", "dark"] {
            look(&tab, width, theme);
            // Nothing is wider than the window, and text and paper differ.
            let fits = ask(&tab, "document.documentElement.scrollWidth <= innerWidth");
            assert_eq!(fits, json!(true), "{width}, {theme}");
            papers.push(ask(&tab, light));
            let ink = ask(&tab, "getComputedStyle(document.body).color");
            assert_ne!(papers.last(), Some(&ink));
            if let Ok(folder) = std::env::var("SCREENSHOTS") {
                let format = Page::CaptureScreenshotFormatOption::Png;
                let shot = tab.capture_screenshot(format, None, None, true).unwrap();
                fs::write(format!("{folder}/page-{width}-{theme}.png"), shot).unwrap();
            }
        }
    }
    assert_ne!(papers[0], papers[1]);
    assert_eq!(papers[..2], papers[2..]);
    assert_eq!(*complaints.lock().unwrap(), [] as [String; 0]);
    serve.end();
}
