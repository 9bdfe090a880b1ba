//! The terminal view in a real terminal (tmux), and what `--export` writes.

use super::Desk;
use h5manager::File;
use std::process::Command;
use std::time::{Duration, Instant};

/// A screen is waited for; only a view that hangs needs as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The view in a terminal of its own.
struct Screen<'a> {
    desk: &'a Desk,
}

impl Screen<'_> {
    fn tmux(desk: &Desk, arguments: &[&str]) -> String {
        let socket = desk.path("tmux.socket");
        let ran = Command::new("tmux").arg("-S").arg(socket).args(["-f", "/dev/null"]).args(arguments).output();
        let ran = ran.expect("tmux is installed (scripts/test does that)");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    fn open<'a>(desk: &'a Desk, arguments: &str) -> Screen<'a> {
        let program = env!("CARGO_BIN_EXE_h5manager");
        let folder = desk.folder.path().display();
        let line =
            format!("cd '{folder}' && COLORTERM=truecolor '{program}' visualize --tui {arguments}; echo code $?; cat");
        Screen::tmux(desk, &["new-session", "-d", "-x", "120", "-y", "36", &line]);
        Screen { desk }
    }

    fn keys(&self, keys: &[&str]) {
        let mut arguments = vec!["send-keys"];
        arguments.extend(keys);
        Screen::tmux(self.desk, &arguments);
    }

    /// The screen, as soon as it holds all of `words`.
    fn with(&self, words: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let shown = Screen::tmux(self.desk, &["capture-pane", "-p"]);
            if words.iter().all(|word| shown.contains(word)) {
                return shown;
            }
            assert!(start.elapsed() < PATIENCE, "the screen should hold {words:?}, holds\n{shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        Screen::tmux(self.desk, &["kill-server"]);
    }
}

/// A file with an object of every kind that the view tells apart.
fn desk() -> Desk {
    let desk = Desk::new();
    let mut out = File::create(desk.path("demo.h5")).expect("a file");
    let values: Vec<f64> = (0..1000).map(|i| f64::from(i % 100)).collect();
    out.build("signal").write(&values).expect("written").set_attribute("units", "mV").expect("set");
    let plane: Vec<i32> = (0..20 * 30).collect();
    out.build("plane").shape([20, 30]).write(&plane).expect("written");
    let cube: Vec<i64> = (0..3 * 7 * 9).collect();
    out.build("cube").shape([3, 7, 9]).write(&cube).expect("written");
    out.build("texts").write(&["alpha".to_owned(), "bravo".to_owned(), "charlie".to_owned()][..]).expect("written");
    let mut bad = out.build("bad\u{1b}]0;x\u{7}<script>").write([1u8, 2, 3]).expect("written");
    bad.set_attribute("note", "a\u{1b}[2Jb<b>").expect("set");
    drop(bad);
    out.commit().expect("committed");
    desk
}

#[test]
fn every_object_is_shown_as_what_it_is() {
    let desk = desk();
    let screen = Screen::open(&desk, "demo.h5");
    let shown = screen.with(&["├─ cube", "group of 5 members", "choose"]);
    assert!(shown.contains("bad\\u{1b}]0;x\\u{7}<script>"), "{shown}");
    screen.keys(&["/", "signal", "Enter"]);
    let shown = screen.with(&["signal (mV)", "/signal · 1000 float64", "table"]);
    assert!(shown.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)), "{shown}");
    screen.keys(&["v"]);
    screen.with(&["value"]);
    screen.keys(&["v"]);
    screen.with(&["@units", "mV", "1000 float64"]);
    screen.keys(&["/", "plane", "Enter"]);
    let shown = screen.with(&["plane · ↓ dimension 0", "599"]);
    assert!(shown.contains('▀'), "{shown}");
    screen.keys(&["/", "texts", "Enter"]);
    screen.with(&["alpha", "charlie"]);
    screen.keys(&["?"]);
    screen.with(&["slice: type the index"]);
    screen.keys(&["q"]);
    screen.with(&["alpha"]);
    screen.keys(&["q"]);
    screen.with(&["code 0"]);
}

#[test]
fn a_slice_is_chosen_by_keys_and_by_number() {
    let desk = desk();
    let screen = Screen::open(&desk, "demo.h5::/cube");
    screen.with(&["[0, :, :]", "dimension 0 of 3"]);
    screen.keys(&["]"]);
    screen.with(&["[1, :, :]"]);
    screen.keys(&["v", "v"]);
    // The first value of the slice: 63.
    screen.with(&["[1, :, :]", " 63 "]);
    screen.keys(&["2", "Enter"]);
    screen.with(&["[2, :, :]", "126"]);
    screen.keys(&["7", "Enter"]);
    screen.with(&["there is no index 7; the last is 2"]);
    screen.keys(&["["]);
    screen.with(&["[1, :, :]"]);
}

#[test]
fn a_damaged_branch_is_shown_and_the_view_goes_on() {
    let desk = desk();
    let mut bytes = std::fs::read(desk.path("demo.h5")).expect("the file");
    let address = File::open(desk.path("demo.h5")).expect("opened").object("/plane").expect("there").address();
    let start = usize::try_from(address).expect("small");
    bytes[start..start + 8].fill(0xee);
    std::fs::write(desk.path("demo.h5"), bytes).expect("damaged");
    let screen = Screen::open(&desk, "demo.h5");
    screen.with(&["├─ cube", "plane"]);
    screen.keys(&["/", "plane", "Enter"]);
    screen.with(&["/plane cannot be shown"]);
    screen.keys(&["/", "texts", "Enter"]);
    screen.with(&["alpha", "charlie"]);
}

#[test]
fn pixels_are_sent_the_way_that_was_asked_for() {
    for (way, mark) in
        [("kitty", "\x1b_Ga=T,f=100,"), ("iterm", "\x1b]1337;File=inline=1;"), ("sixel", "\x1bP9;1;0q\"1;1;")]
    {
        // A terminal of its own: the one before may still be closing.
        let desk = desk();
        let screen = Screen::open(&desk, &format!("demo.h5::/plane --graphics {way}"));
        Screen::tmux(&desk, &["pipe-pane", &format!("cat > '{}'", desk.path("raw").display())]);
        screen.with(&["plane · ↓ dimension 0"]);
        // Another picture, which is certainly sent while the pipe is there.
        screen.keys(&["m"]);
        let start = Instant::now();
        while !std::fs::read(desk.path("raw")).is_ok_and(|raw| String::from_utf8_lossy(&raw).contains(mark)) {
            assert!(start.elapsed() < PATIENCE, "{way}: no picture came");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_plot_is_written_as_svg_and_as_png() {
    let desk = desk();
    desk.good(&["visualize", "demo.h5::/signal", "--export", "plot.svg"]);
    let svg = std::fs::read_to_string(desk.path("plot.svg")).expect("written");
    assert!(svg.starts_with("<svg xmlns=") && svg.trim_end().ends_with("</svg>"));
    for text in [">signal (mV)</text>", ">index</text>", ">/signal</text>", ">1000 float64</text>", ">80</text>"] {
        assert!(svg.contains(text), "{text}\n{svg}");
    }
    // The curve: it starts at the left end of the axis and has a point for each value.
    let curve = svg.lines().find(|line| line.contains("stroke=\"#1f68b2\"")).expect("the curve");
    assert_eq!(curve.matches(',').count(), 1000);
    desk.good(&["visualize", "demo.h5::/plane", "--export", "plot.png", "--width", "960"]);
    let picture = image::open(desk.path("plot.png")).expect("a picture").to_rgb8();
    assert_eq!(picture.dimensions(), (960, 600));
    // The ends of the colours: the first value is the darkest, the last one the brightest.
    assert_eq!(picture.get_pixel(96, 76).0, [68, 1, 84]);
    assert_eq!(picture.get_pixel(853, 526).0, [253, 231, 37]);
}

#[test]
fn a_page_needs_nothing_else_and_holds_names_as_text() {
    let desk = desk();
    desk.good(&["visualize", "demo.h5", "--export", "page.html"]);
    let page = std::fs::read_to_string(desk.path("page.html")).expect("written");
    assert!(page.contains("default-src 'none'") && !page.contains("<script"), "{page}");
    assert!(page.contains("bad\\u{1b}]0;x\\u{7}&lt;script&gt;") && page.contains("a\\u{1b}[2Jb&lt;b&gt;"));
    assert!(
        !page.contains('\u{1b}') && !page.contains("src=\"http") && !page.contains("href=\"http"),
        "nothing from elsewhere"
    );
    assert!(page.contains("<td>charlie</td>") && page.matches("<svg ").count() >= 2, "table and plots");
}

#[test]
fn what_cannot_be_exported_says_what_can() {
    let desk = desk();
    desk.bad(&["visualize", "demo.h5::/texts", "--export", "p.svg"], &["/texts", "cannot be plotted"]);
    desk.bad(&["visualize", "demo.h5::/none", "--export", "p.svg"], &["none"]);
    desk.bad(&["visualize", "demo.h5", "--export", "p.pdf"], &[".svg", ".html", "p.png"]);
    desk.good(&["visualize", "demo.h5::/signal", "--export", "p.svg"]);
    desk.bad(&["visualize", "demo.h5::/signal", "--export", "p.svg"], &["--overwrite"]);
}
