//! A browser without a window, driven over WebDriver. Source: the W3C's "WebDriver", and Chromium's own commands.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser; ended when the test is over.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut driver = command.spawn().expect("chromedriver is there: tests/setup/tools chromium chromium-driver");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let said = |line: &str| line.rsplit_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok();
        let port =
            lines.by_ref().map_while(Result::ok).find_map(|line| said(&line)).expect("the driver names its port");
        // What else it says must go somewhere.
        drop(std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop)));
        let profile = TempDir::new().unwrap();
        let mut browser = Self { driver, port, session: String::new(), _profile: profile };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &folder];
        let options = json!({"binary": "/usr/bin/chromium", "args": arguments});
        let wanted =
            json!({"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let made = browser.send("POST", "/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        browser.session = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}")).to_owned();
        browser
    }

    pub(crate) fn go(&self, address: &str) {
        self.command("POST", "/url", &json!({"url": address}));
    }

    pub(crate) fn address(&self) -> String {
        self.command("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// Runs a function's body in the page and gives what it returns.
    pub(crate) fn run(&self, body: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({"script": body, "args": []}))
    }

    /// The same for one that calls its last argument when it is done.
    pub(crate) fn run_until_done(&self, body: &str) -> Value {
        self.command("POST", "/execute/async", &json!({"script": body, "args": []}))
    }

    /// Waits until an expression in the page is true.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, expression: &str) {
        let start = Instant::now();
        while self.run(&format!("return Boolean({expression});")) != true {
            assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come: {}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What a reader sees of the page.
    pub(crate) fn text(&self) -> String {
        self.run("return document.body.innerText;").as_str().unwrap_or_default().to_owned()
    }

    /// Presses keys, wherever the page has its focus.
    pub(crate) fn press(&self, keys: &[char]) {
        let strokes = keys
            .iter()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]);
        let actions = json!([{"type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>()}]);
        self.command("POST", "/actions", &json!({"actions": actions}));
    }

    /// Clicks an element.
    pub(crate) fn click(&self, css: &str) {
        let found = self.command("POST", "/element", &json!({"using": "css selector", "value": css}));
        let id = found
            .as_object()
            .and_then(|found| found.values().next()?.as_str())
            .unwrap_or_else(|| panic!("no {css}: {found}"));
        self.command("POST", &format!("/element/{id}/click"), &json!({}));
    }

    /// What the console was told since it was asked last: errors of scripts, and what the page's policy forbade.
    pub(crate) fn console(&self) -> Vec<Value> {
        self.command("POST", "/se/log", &json!({"type": "browser"})).as_array().cloned().unwrap_or_default()
    }

    /// A command of Chromium's own.
    fn tell(&self, command: &str, parameters: &Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// What is seen of the page, as JPEG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        self.tell("Emulation.setScrollbarsHidden", &json!({"hidden": true}));
        let taken = self.tell("Page.captureScreenshot", &json!({"format": "jpeg", "quality": 60}));
        STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }

    pub(crate) fn be_dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tell("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    pub(crate) fn be_wide(&self, width: u32) {
        self.be_sized(width, 800);
    }

    pub(crate) fn be_sized(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.tell("Emulation.setDeviceMetricsOverride", &metrics);
    }

    pub(crate) fn be_without_scripts(&self) {
        self.tell("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.send(method, &format!("/session/{}{path}", self.session), body)
    }

    /// One question to the driver; what it answers must be no error.
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n", self.port);
        let head = format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line).unwrap() > 2 {
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes).unwrap();
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(answer["value"]["error"].is_null(), "{method} {path}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    /// Ends the driver and, in its group, the browser: also where a test failed, and nothing is answered any more.
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.driver);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        self.driver.wait().unwrap();
    }
}
