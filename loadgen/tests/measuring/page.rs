//! The page of results in a real browser: it renders without a complaint, asks the network for nothing, its plots lie
//! within their axes, and it can be read in the light and in the dark.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    Workplace,
    common::{Fault, start},
    missing, said,
};

/// Names of the browser in distributions.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// No update, no account, no name is resolved: what the browser would ask for by itself stays unasked.
const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
];

/// What the browser asks its maker for even so; no page of ours may name these hosts.
const OWN_HOSTS: [&str; 2] = ["google.com", "googleapis.com"];

/// Looks at the page from inside and leaves what it saw in an attribute of the body.
const LOOK: &str = r#"<script>
const seen = {lines: 0, dots: 0, plots: 0, outside: [], empty: [], faint: [], texts: 0};
const fits = (box, area) => box.x >= area.x - 1 && box.y >= area.y - 1 &&
    box.x + box.width <= area.x + area.width + 1 && box.y + box.height <= area.y + area.height + 1;
for (const svg of document.querySelectorAll('svg')) {
  seen.plots++;
  const area = svg.querySelector('.area').getBBox();
  if (area.width < 500 || area.height < 100) seen.empty.push('area');
  for (const path of svg.querySelectorAll('path.line')) {
    seen.lines++;
    if (!path.getAttribute('d')) seen.empty.push(path.outerHTML);
    if (!fits(path.getBBox(), area)) seen.outside.push(path.outerHTML);
  }
  for (const dot of svg.querySelectorAll('circle')) {
    seen.dots++;
    const at = {x: +dot.getAttribute('cx'), y: +dot.getAttribute('cy'), width: 0, height: 0};
    if (!fits(at, area)) seen.outside.push(dot.outerHTML);
  }
  const whole = {x: 0, y: 0, width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height};
  const boxes = [];
  for (const text of svg.querySelectorAll('text:not(.mark)')) {
    const box = text.getBBox();
    seen.texts++;
    if (!fits(box, whole)) seen.outside.push(text.outerHTML);
    for (const other of boxes) {
      if (box.x < other.x + other.width && other.x < box.x + box.width &&
          box.y < other.y + other.height && other.y < box.y + box.height) seen.outside.push('overlap ' + text.outerHTML);
    }
    boxes.push(box);
  }
}
const light = colour => {
  const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map(part => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
const card = getComputedStyle(document.querySelector('section')).backgroundColor;
for (const [pick, property, least] of [['h2', 'color', 7], ['.soft', 'color', 4.5], ['td', 'color', 7],
    ['svg text', 'fill', 4.5], ['path.line', 'stroke', 3], ['.swatch', 'color', 3], ['.warn', 'color', 4.5]]) {
  for (const element of document.querySelectorAll(pick)) {
    const found = contrast(getComputedStyle(element)[property], card);
    if (found < least) seen.faint.push(pick + ' ' + found.toFixed(2));
  }
}
seen.dark = matchMedia('(prefers-color-scheme: dark)').matches;
seen.card = light(card);
seen.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
seen.fetched = performance.getEntriesByType('resource').map(entry => entry.name);
document.body.setAttribute('data-seen', JSON.stringify(seen));
</script>"#;

fn browser() -> Option<&'static str> {
    let runs = |name: &&&str| {
        let mut command = Command::new(name);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    BROWSERS.iter().find(runs).copied()
}

/// Opens a page; gives its document after the scripts, complaints on the console, and addresses asked for.
fn open(browser: &str, work: &Workplace, page: &Path, dark: bool) -> (String, Vec<String>, Vec<String>) {
    let (profile, log) = (work.path("profile"), work.path("net.json"));
    let output = Command::new(browser)
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)))
        .args(["--window-size=1000,900", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let (passed, text) = said(&output);
    assert!(passed, "{text}");
    let complaints = text.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    let net = std::fs::read_to_string(&log).unwrap_or_default();
    let asked = net
        .split("\"url\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|url| !url.starts_with("file:") && !url.starts_with("data:") && !url.starts_with("chrome"))
        .filter(|url| {
            let host = url.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(url);
            !OWN_HOSTS.iter().any(|own| host.ends_with(own))
        })
        .map(str::to_owned)
        .collect();
    let _ = std::fs::remove_dir_all(profile);
    (String::from_utf8_lossy(&output.stdout).into_owned(), complaints, asked)
}

/// The page with [`LOOK`] in it, which its policy would not let run.
fn look(browser: &str, work: &Workplace, page: &Path, dark: bool) -> Value {
    let text = std::fs::read_to_string(page).unwrap();
    let looking = text.replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'");
    assert_ne!(looking, text, "the page has no policy");
    let copy = work.path("looking.html");
    std::fs::write(&copy, looking.replace("</body>", &format!("{LOOK}</body>"))).unwrap();
    let (document, complaints, asked) = open(browser, work, &copy, dark);
    assert_eq!((complaints, asked), (vec![], vec![]), "{}", page.display());
    let seen = document.split("data-seen=\"").nth(1).and_then(|rest| rest.split('"').next());
    serde_json::from_str(&seen.unwrap_or_else(|| panic!("{document}")).replace("&quot;", "\"")).unwrap()
}

/// Pages of one run with stages, of a search, of a replay, and of all kinds of results compared.
fn pages(work: &Workplace) -> [(&'static str, usize, usize); 4] {
    let server = start(Fault::None);
    let load = format!("--server {server} --keys 100 --connections 4 --warmup 0s");
    let trace: String = (0..600).map(|n| format!("7.{n:03},key{},10,100,1,get,0\n", n % 77)).collect();
    std::fs::write(work.path("trace.csv"), trace).unwrap();
    for command in [
        format!("run {load} --rate 300,900,200..2k --duration 700ms --json steps.json --report steps.html"),
        format!("run {load} --duration 600ms --pipeline 8 --json closed.json"),
        format!("run {load} --requests 1 --json one.json"),
        format!(
            "replay --server {server} --trace trace.csv --speed 1x --interval 50ms --json replay.json --report replay.html"
        ),
    ] {
        let (passed, said) = work.ringload(&command);
        assert!(passed, "{said}");
    }
    let (_, said) = work.ringload(&format!(
        "saturate {load} --p99-us 9000000 --from 500 --to 1k --confirm 1 --duration 300ms --json search.json --report search.html"
    ));
    assert!(said.contains("result: 1k/s"), "{said}");
    let (passed, said) =
        work.ringload("report steps.json closed.json one.json search.json replay.json -o compared.html");
    assert!(passed, "{said}");
    // Plots and lines: latency by percentile and throughput have one line a run, the two others two.
    [("steps.html", 4, 6), ("search.html", 4, 6), ("replay.html", 3, 4), ("compared.html", 4, 30)]
}

#[test]
fn the_page_renders_without_complaint_network_or_strays() {
    let Some(browser) = browser() else { return missing("chromium") };
    let work = Workplace::new();
    for (name, plots, lines) in pages(&work) {
        let page = work.path(name);
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(!text.contains("://") && !text.contains("<script"), "{name} names an address or has a script");
        let (_, complaints, asked) = open(browser, &work, &page, false);
        assert_eq!((complaints, asked), (vec![], vec![]), "{name}");
        for dark in [false, true] {
            let seen = look(browser, &work, &page, dark);
            assert_eq!((&seen["plots"], &seen["lines"]), (&plots.into(), &lines.into()), "{name}: {seen}");
            for nothing in ["outside", "empty", "faint", "fetched"] {
                assert_eq!(seen[nothing], Value::Array(vec![]), "{name}, dark {dark}: {nothing}");
            }
            assert_eq!((&seen["dark"], &seen["wide"]), (&dark.into(), &false.into()), "{name}: {seen}");
            assert_eq!(seen["card"].as_f64().unwrap() < 0.5, dark, "{name}: {seen}");
            assert!(seen["dots"].as_u64() > Some(10) && seen["texts"].as_u64() > Some(20), "{name}: {seen}");
        }
    }
}

/// The look itself is looked at: what it must find, it finds.
#[test]
fn a_page_with_faults_is_found_out() {
    let Some(browser) = browser() else { return missing("chromium") };
    let work = Workplace::new();
    let (passed, said) = work.ringload(&format!(
        "run --server {} --keys 100 --connections 2 --warmup 0s --duration 500ms --report page.html",
        start(Fault::None)
    ));
    assert!(passed, "{said}");
    let good = std::fs::read_to_string(work.path("page.html")).unwrap();
    let broken = work.path("broken.html");

    std::fs::write(&broken, good.replace("<h1>", "<img src=\"http://127.0.0.1:9/x.png\"><h1>")).unwrap();
    let (_, complaints, _) = open(browser, &work, &broken, false);
    assert!(complaints.iter().any(|line| line.contains("Content Security Policy")), "{complaints:?}");
    let free = good.replace("http-equiv", "x-http-equiv").replace("<h1>", "<img src=\"http://127.0.0.1:9/x.png\"><h1>");
    std::fs::write(&broken, free).unwrap();
    let (_, _, asked) = open(browser, &work, &broken, false);
    assert!(asked.iter().any(|url| url == "http://127.0.0.1:9/x.png"), "{asked:?}");

    std::fs::write(&broken, good.replace("d=\"M", "d=\"M-50 0L")).unwrap();
    let seen = look(browser, &work, &broken, false);
    assert_eq!(seen["outside"].as_array().map(Vec::len), Some(4), "{seen}");
    std::fs::write(&broken, good.replace("--soft: #5d666f", "--soft: #c0c6cc")).unwrap();
    let seen = look(browser, &work, &broken, false);
    assert!(!seen["faint"].as_array().unwrap().is_empty(), "{seen}");
}
