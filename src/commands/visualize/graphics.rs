//! Real pixels on a terminal: which of the three ways it understands, and pictures in it.
//!
//! kitty's and iTerm2's protocols carry PNG in an escape sequence of one line each. They are written here, as the crates
//! that know them (viuer, ratatui-image, rasteroid) write to the screen on their own, or want to lay it out: here pictures
//! stand among the cells of a painter of ours, and all of it goes out at once. Sixels are encoded by `icy_sixel`.

use super::cells::Area;
use super::picture::Picture;
use super::png;
use base64::Engine;
use std::sync::Arc;
use std::time::Duration;

/// How long the terminal may take to say what it is. All of them answer the last question, so few wait that long.
const PATIENCE: Duration = Duration::from_millis(700);
/// Where the terminal does not say how large its cells are.
const USUAL_CELL: (u16, u16) = (10, 20);
/// kitty takes no more in one piece.
const PIECE: usize = 4096;

/// How pictures are shown on the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// As the terminal says.
    #[default]
    Auto,
    /// The protocol of kitty; Ghostty, Konsole.
    Kitty,
    /// The protocol of iTerm2; WezTerm, mintty, the terminal of VS Code.
    Iterm,
    /// Sixel; foot, mlterm, xterm -ti vt340, Windows Terminal, tmux.
    Sixel,
    /// Characters in two colours each, on any terminal.
    Blocks,
}

/// A way to pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Kitty,
    Iterm,
    Sixel,
    Blocks,
}

/// A way to pixels, and how many of them a cell has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Graphics {
    pub(super) protocol: Protocol,
    pub(super) cell: (u16, u16),
}

/// A picture at its place on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) area: Area,
    pub(super) picture: Arc<Picture>,
}

impl Graphics {
    pub(super) const BLOCKS: Graphics = Graphics { protocol: Protocol::Blocks, cell: USUAL_CELL };

    /// What was asked for; else what the environment says, else what the terminal answers.
    pub(super) fn find(choice: Choice) -> Graphics {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let asked = match choice {
            Choice::Kitty => Some(Protocol::Kitty),
            Choice::Iterm => Some(Protocol::Iterm),
            Choice::Sixel => Some(Protocol::Sixel),
            Choice::Blocks => Some(Protocol::Blocks),
            Choice::Auto => from_environment(&variable),
        };
        if asked == Some(Protocol::Blocks) {
            return Graphics::BLOCKS;
        }
        let answer = ask();
        let protocol = asked.unwrap_or_else(|| answer.protocol());
        Graphics { protocol, cell: window_cell().or(answer.cell).unwrap_or(USUAL_CELL) }
    }
}

/// What the environment says for certain; nothing where the terminal has to be asked.
fn from_environment(variable: &dyn Fn(&str) -> String) -> Option<Protocol> {
    let (term, program) = (variable("TERM"), variable("TERM_PROGRAM"));
    if !variable("NO_COLOR").is_empty() || term == "dumb" || term == "linux" {
        return Some(Protocol::Blocks);
    }
    // Inside of a multiplexer only it knows what gets through: it is asked.
    if !variable("TMUX").is_empty() || term.starts_with("screen") || term.starts_with("tmux") {
        return None;
    }
    if !variable("KITTY_WINDOW_ID").is_empty() || matches!(term.as_str(), "xterm-kitty" | "xterm-ghostty") {
        return Some(Protocol::Kitty);
    }
    let is_iterm =
        matches!(program.as_str(), "iTerm.app" | "WezTerm" | "mintty") || variable("LC_TERMINAL") == "iTerm2";
    is_iterm.then_some(Protocol::Iterm)
}

/// What a terminal answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Answer {
    kitty: bool,
    sixel: bool,
    cell: Option<(u16, u16)>,
}

impl Answer {
    fn protocol(self) -> Protocol {
        match self {
            Answer { kitty: true, .. } => Protocol::Kitty,
            Answer { sixel: true, .. } => Protocol::Sixel,
            _ => Protocol::Blocks,
        }
    }

    /// Reads `ESC _ G i=31;OK ESC \`, `ESC [ 6 ; height ; width t`, `ESC [ ? … c`.
    fn parse(bytes: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(bytes);
        let mut answer = Answer { kitty: text.contains("\x1b_Gi=31;OK"), ..Answer::default() };
        for part in text.split("\x1b[").skip(1) {
            if let Some((size, _)) = part.strip_prefix("6;").and_then(|rest| rest.split_once('t')) {
                let cell = size.split_once(';').and_then(|(h, w)| Some((w.parse().ok()?, h.parse().ok()?)));
                answer.cell = cell.filter(|&(w, h)| is_cell(w, h));
            } else if let Some((what, _)) = part.strip_prefix('?').and_then(|rest| rest.split_once('c')) {
                answer.sixel = what.split(';').skip(1).any(|n| n == "4");
            }
        }
        answer
    }
}

fn is_cell(width: u16, height: u16) -> bool {
    (3..=100).contains(&width) && (5..=200).contains(&height)
}

/// The pixels of a cell, where the kernel knows them.
fn window_cell() -> Option<(u16, u16)> {
    let size = crossterm::terminal::window_size().ok()?;
    let cell = (size.width.checked_div(size.columns)?, size.height.checked_div(size.rows)?);
    Some(cell).filter(|&(w, h)| is_cell(w, h))
}

/// Asks the terminal: kitty's question, the size of a cell, and last what it is, which all of them answer.
#[cfg(unix)]
fn ask() -> Answer {
    const QUESTION: &[u8] = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c";
    let was_raw = crossterm::terminal::is_raw_mode_enabled().unwrap_or(false);
    if !was_raw && crossterm::terminal::enable_raw_mode().is_err() {
        return Answer::default();
    }
    let answer = conversation(QUESTION).unwrap_or_default();
    if !was_raw {
        // There is nobody left to tell about a failure.
        drop(crossterm::terminal::disable_raw_mode());
    }
    Answer::parse(&answer)
}

#[cfg(not(unix))]
fn ask() -> Answer {
    Answer::default()
}

/// Writes `question` to the terminal and reads until the answer to its last part, or until patience ends.
#[cfg(unix)]
fn conversation(question: &[u8]) -> std::io::Result<Vec<u8>> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::io::{Read, Write};
    let mut tty = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    tty.write_all(question)?;
    tty.flush()?;
    let until = std::time::Instant::now() + PATIENCE;
    let mut answer = Vec::new();
    while !is_whole(&answer) && answer.len() < 1 << 12 {
        let left = until.saturating_duration_since(std::time::Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
        if left.is_zero() || poll(&mut [PollFd::new(&tty, PollFlags::IN)], Some(&timeout))? == 0 {
            break;
        }
        let mut some = [0; 256];
        let count = tty.read(&mut some)?;
        answer.extend_from_slice(some.get(..count).unwrap_or_default());
        if count == 0 {
            break;
        }
    }
    Ok(answer)
}

/// Whether the answer to `ESC [ c` is there: `ESC [ ? … c`.
#[cfg(unix)]
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    text.rsplit_once("\x1b[?").is_some_and(|(_, rest)| rest.contains('c'))
}

/// What takes all pictures off the screen, where painting over them does not.
pub(super) fn clear(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Kitty { "\x1b_Ga=d,d=A,q=2\x1b\\" } else { "" }
}

/// The bytes that show a picture at its place.
pub(super) fn show(placed: &Placed, protocol: Protocol) -> String {
    let Placed { area, picture } = placed;
    let mut bytes = format!("\x1b[{};{}H", area.y + 1, area.x + 1);
    match protocol {
        Protocol::Blocks => return String::new(),
        Protocol::Sixel => bytes.push_str(&sixels(picture)),
        Protocol::Kitty => {
            let data = png(picture).map(|png| base64(&png)).unwrap_or_default();
            let mut pieces = data.as_bytes().chunks(PIECE).peekable();
            let mut lead = format!("a=T,f=100,q=2,C=1,c={},", area.width);
            while let Some(piece) = pieces.next() {
                let more = u8::from(pieces.peek().is_some());
                bytes.push_str(&format!("\x1b_G{lead}m={more};{}\x1b\\", String::from_utf8_lossy(piece)));
                lead.clear();
            }
        }
        Protocol::Iterm => {
            let png = png(picture).unwrap_or_default();
            let (width, height) = (area.width, area.height);
            bytes.push_str(&format!(
                "\x1b]1337;File=inline=1;size={};width={width};height={height};preserveAspectRatio=1:{}\x07",
                png.len(),
                base64(&png)
            ));
        }
    }
    bytes
}

/// A picture as sixels, in the 256 colours that terminals have room for; nothing where it has no pixels.
fn sixels(picture: &Picture) -> String {
    // Colours that are means of those in the picture: the usual ones put specks into areas of one colour.
    let quantize_method = icy_sixel::QuantizeMethod::kmeans();
    let options = icy_sixel::EncodeOptions { quantize_method, ..Default::default() };
    let rgba = picture.rgb().as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    let image = icy_sixel::SixelImage::try_from_rgba(rgba, picture.width as usize, picture.height as usize);
    image.and_then(|image| image.encode_with(&options)).unwrap_or_default()
}

/// Bytes in letters, by RFC 4648.
pub(super) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &'static [(&str, &str)]) -> Option<Protocol> {
        from_environment(&|name| pairs.iter().find(|p| p.0 == name).map_or(String::new(), |p| p.1.to_owned()))
    }

    #[test]
    fn the_environment_names_terminals_and_a_multiplexer_is_asked() {
        assert_eq!(environment(&[("TERM", "xterm-kitty")]), Some(Protocol::Kitty));
        assert_eq!(environment(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")]), Some(Protocol::Iterm));
        assert_eq!(environment(&[("TERM", "xterm-256color")]), None);
        assert_eq!(environment(&[("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1")]), None);
        assert_eq!(environment(&[("TERM", "linux")]), Some(Protocol::Blocks));
        assert_eq!(environment(&[("TERM", "xterm-kitty"), ("NO_COLOR", "1")]), Some(Protocol::Blocks));
    }

    #[test]
    fn answers_are_understood() {
        let of = |text: &str| Answer::parse(text.as_bytes());
        let foot = of("\x1b[6;18;9t\x1b[?62;4;22;28c");
        assert_eq!((foot.protocol(), foot.cell), (Protocol::Sixel, Some((9, 18))));
        assert_eq!(of("\x1b_Gi=31;OK\x1b\\\x1b[?62;c").protocol(), Protocol::Kitty);
        assert_eq!(of("\x1b[?1;2c").protocol(), Protocol::Blocks);
        assert_eq!(of("\x1b[6;0;0t\x1b[?4c"), Answer::default());
        assert_eq!(of("nonsense \x1b[6;t\x1b["), Answer::default());
        #[cfg(unix)]
        assert!(is_whole(b"\x1b[6;18;9t\x1b[?62;4c") && !is_whole(b"\x1b[6;18;9t\x1b[?62;4"));
    }

    /// How far what a terminal shows of a picture is from it: at most, and on average.
    fn difference(picture: &Picture) -> (u8, f64) {
        let shown = icy_sixel::SixelImage::decode(sixels(picture).as_bytes()).unwrap();
        // The decoder may count what is left of the last six rows.
        assert_eq!(
            (shown.width, shown.height.div_ceil(6)),
            (picture.width as usize, picture.height.div_ceil(6) as usize)
        );
        let pairs = picture.rgb().as_chunks::<3>().0.iter().zip(shown.pixels.as_chunks::<4>().0);
        let all: Vec<u8> = pairs.flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b))).collect();
        (*all.iter().max().unwrap(), all.iter().copied().map(f64::from).sum::<f64>() / all.len() as f64)
    }

    #[test]
    fn sixels_show_the_picture() {
        let mut few = Picture::plain(30, 20, [255, 255, 255]);
        let mut many = Picture::plain(64, 64, [0; 3]);
        for i in 0..64 * 64u32 {
            many.set(i % 64, i / 64, [(i % 64 * 4) as u8, (i / 64 * 4) as u8, 128]);
            if i < 200 {
                few.set(i % 30, i / 30, [(i % 200) as u8, (200 - i) as u8, 0]);
            }
        }
        assert!(difference(&few).0 <= 16, "{:?}", difference(&few));
        assert!(difference(&many).1 <= 6.0, "{:?}", difference(&many));
        let mut two = Picture::plain(5, 7, [255, 0, 0]);
        two.set(0, 0, [0, 0, 255]);
        assert_eq!(difference(&two).0, 0);
        assert_eq!(sixels(&Picture::plain(0, 0, [0; 3])), "");
    }

    #[test]
    fn pictures_are_sent_at_their_places_in_pieces() {
        let noise: Vec<[u8; 3]> =
            (0u32..6400).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).map(|b| [b[1], b[2], b[3]]).collect();
        let mut picture = Picture::plain(80, 80, [0; 3]);
        for (i, colour) in noise.into_iter().enumerate() {
            picture.set(i as u32 % 80, i as u32 / 80, colour);
        }
        let placed = Placed { area: Area { x: 4, y: 2, width: 8, height: 4 }, picture: Arc::new(picture) };
        let kitty = show(&placed, Protocol::Kitty);
        assert!(kitty.starts_with("\x1b[3;5H\x1b_Ga=T,f=100,q=2,C=1,c=8,m=1;iVBOR"), "{}", &kitty[..60]);
        assert!(kitty.matches("\x1b_Gm=").count() >= 2 && kitty.contains("\x1b_Gm=0;") && kitty.ends_with("\x1b\\"));
        let iterm = show(&placed, Protocol::Iterm);
        assert!(iterm.contains("width=8;height=4") && iterm.ends_with('\x07'));
        assert!(show(&placed, Protocol::Sixel).starts_with("\x1b[3;5H\x1bP"));
        assert_eq!(show(&placed, Protocol::Blocks), "");
    }
}
