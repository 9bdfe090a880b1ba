//! What a JPEG-LS file is made of (T.87, annex C): segments behind two-byte markers, and the coded samples behind those
//! that begin a scan.

use super::super::Call;
use super::context::{Coding, Preset};
use super::scan::{Rows, Scan};
use crate::error::{Error, Result};

/// The marker that begins a file.
pub(super) const START: [u8; 2] = [0xff, 0xd8];

/// The second bytes of markers.
mod marker {
    pub(super) const END: u8 = 0xd9;
    pub(super) const RESTART: u8 = 0xd0;
    pub(super) const SCAN: u8 = 0xda;
    pub(super) const RESTART_INTERVAL: u8 = 0xdd;
    pub(super) const COMMENT: u8 = 0xfe;
    /// Application segments, 16 numbers of them.
    pub(super) const APPLICATION: u8 = 0xe0;
    pub(super) const FRAME: u8 = 0xf7;
    pub(super) const PRESET: u8 = 0xf8;
}

/// How the components of a scan follow each other.
#[derive(Clone, Copy, PartialEq)]
enum Interleave {
    None,
    Line,
    Sample,
}

struct Frame {
    precision: u32,
    width: usize,
    height: usize,
    /// The components' identifiers.
    components: Vec<u8>,
}

struct File<'a> {
    bytes: &'a [u8],
    at: usize,
    call: &'a Call<'a>,
    frame: Option<Frame>,
    preset: Preset,
    restart_interval: usize,
}

/// Decodes a file: components one behind the other if they were coded so, else the samples of each pixel together.
pub(super) fn decode(bytes: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
    let mut file = File { bytes, at: 0, call, frame: None, preset: Preset::default(), restart_interval: 0 };
    if file.bytes::<2>()? != START {
        return Err(call.damaged("does not begin as JPEG-LS does"));
    }
    let mut done = 0;
    loop {
        match file.marker()? {
            marker::END => return Err(call.damaged("ends before all of its components")),
            marker::SCAN if file.scan(&mut done, out)? => return Ok(()),
            marker::SCAN => {}
            kind => file.segment(kind)?,
        }
    }
}

impl<'a> File<'a> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk());
        let found = *found.ok_or_else(|| self.call.damaged("ends in a segment"))?;
        self.at += N;
        Ok(found)
    }

    /// The second byte of the next marker.
    fn marker(&mut self) -> Result<u8> {
        let [0xff] = self.bytes()? else { return Err(self.call.damaged("has no marker where one must be")) };
        loop {
            // Any number of ones may come before.
            match self.bytes()? {
                [0xff] => {}
                [kind] => return Ok(kind),
            }
        }
    }

    /// The content of the segment that begins here.
    fn content(&mut self) -> Result<&'a [u8]> {
        let length = usize::from(u16::from_be_bytes(self.bytes()?));
        let content = length.checked_sub(2).and_then(|n| self.bytes.get(self.at..)?.get(..n));
        let content = content.ok_or_else(|| self.call.damaged("ends in a segment"))?;
        self.at += content.len();
        Ok(content)
    }

    fn segment(&mut self, kind: u8) -> Result<()> {
        let content = self.content()?;
        match kind {
            marker::FRAME => self.frame(content),
            marker::PRESET => self.preset(content),
            marker::RESTART_INTERVAL if (2..=4).contains(&content.len()) => {
                self.restart_interval = content.iter().fold(0, |n, &b| n << 8 | usize::from(b));
                Ok(())
            }
            // HP's colour transforms; those of number 0 change nothing.
            kind if kind == marker::APPLICATION + 8 && content.starts_with(b"mrfx") && content.get(4) != Some(&0) => {
                Err(Error::unsupported("JPEG-LS with a colour transform"))
            }
            marker::COMMENT | marker::APPLICATION..=0xef => Ok(()),
            _ => Err(Error::unsupported(format!("JPEG-LS with marker {kind:#x}"))),
        }
    }

    fn frame(&mut self, content: &[u8]) -> Result<()> {
        let wrong = || self.call.damaged("its frame header is wrong");
        let (&[precision, h0, h1, w0, w1, count], components) = content.split_first_chunk().ok_or_else(wrong)?;
        let (components, rest) = components.as_chunks::<3>();
        let frame = Frame {
            precision: u32::from(precision),
            height: usize::from(u16::from_be_bytes([h0, h1])),
            width: usize::from(u16::from_be_bytes([w0, w1])),
            components: components.iter().map(|c| c[0]).collect(),
        };
        let fits = components.len() == usize::from(count) && rest.is_empty() && count > 0;
        if self.frame.is_some() || !fits || !(2..=16).contains(&frame.precision) {
            return Err(wrong());
        }
        if components.iter().any(|c| c[1] != 0x11) {
            return Err(Error::unsupported("JPEG-LS with subsampled components"));
        }
        if frame.width == 0 || frame.height == 0 {
            return Err(Error::unsupported("JPEG-LS with dimensions that come later"));
        }
        let bytes = frame.width as u64 * frame.height as u64 * u64::from(count) * frame.sample_size() as u64;
        self.call.check_size(bytes)?;
        self.frame = Some(frame);
        Ok(())
    }

    fn preset(&mut self, content: &[u8]) -> Result<()> {
        match content {
            [1, values @ ..] if values.len() == 10 => {
                let value = |i: usize| i32::from(u16::from_be_bytes([values[2 * i], values[2 * i + 1]]));
                self.preset = Preset { highest: value(0), thresholds: [value(1), value(2), value(3)], reset: value(4) };
                Ok(())
            }
            [1, ..] => Err(self.call.damaged("its parameters are wrong")),
            [2 | 3, ..] => Err(Error::unsupported("JPEG-LS with a palette")),
            _ => Err(Error::unsupported("JPEG-LS with large dimensions")),
        }
    }

    /// Decodes a scan, behind `done` components; says whether no more are to come.
    fn scan(&mut self, done: &mut usize, out: &mut Vec<u8>) -> Result<bool> {
        let wrong = || self.call.damaged("its scan header is wrong");
        let content = self.content()?;
        let frame = self.frame.take().ok_or_else(|| self.call.damaged("has a scan before its frame"))?;
        let (count, rest) = content.split_first().ok_or_else(wrong)?;
        let (components, rest) = rest.split_at_checked(2 * usize::from(*count)).ok_or_else(wrong)?;
        let &[near, interleave, transform] = rest else { return Err(wrong()) };
        let (components, _) = components.as_chunks::<2>();
        if components.iter().any(|c| c[1] != 0) {
            return Err(Error::unsupported("JPEG-LS with a palette"));
        }
        if transform != 0 {
            return Err(Error::unsupported("JPEG-LS with a point transform"));
        }
        let interleave = match (interleave, components.len()) {
            (0, 1) => Interleave::None,
            // Of a single component there is nothing to interleave.
            (1 | 2, 1) => Interleave::None,
            (1, 2..=4) => Interleave::Line,
            (2, 2..=4) => Interleave::Sample,
            _ => return Err(wrong()),
        };
        let all = frame.components.len();
        *done += components.len();
        if *done > all || components.iter().any(|c| !frame.components.contains(&c[0])) {
            return Err(wrong());
        }
        let coding = Coding::new(frame.precision, i32::from(near), self.preset, self.call)?;
        self.samples(&frame, coding, components.len(), interleave, out)?;
        self.frame = Some(frame);
        Ok(*done == all)
    }

    fn samples(
        &mut self,
        frame: &Frame,
        coding: Coding,
        count: usize,
        how: Interleave,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let interval = if self.restart_interval == 0 { frame.height } else { self.restart_interval };
        let mut first = 0;
        for restart in 0.. {
            let mut scan = Scan::new(coding, &self.bytes[self.at..], self.call);
            let mut components: Vec<Rows> = (0..count).map(|_| Rows::new(frame.width)).collect();
            let mut runs = vec![0; count];
            let end = frame.height.min(first + interval);
            for _ in first..end {
                components.iter_mut().for_each(Rows::advance);
                if how == Interleave::Sample {
                    scan.row(&mut components, frame.width, &mut runs[0])?;
                } else {
                    for (rows, run) in components.iter_mut().zip(&mut runs) {
                        scan.row(std::slice::from_mut(rows), frame.width, run)?;
                    }
                }
                frame.put(&components, out);
            }
            first = end;
            if first == frame.height {
                // Behind the last scan nothing is needed, and some programs write nothing.
                self.at = scan.bits.end().map_or(self.bytes.len(), |end| self.at + end);
                return Ok(());
            }
            self.at += scan.bits.end()?;
            if self.marker()? != marker::RESTART + (restart % 8) as u8 {
                return Err(self.call.damaged("a restart marker is not where it must be"));
            }
        }
        Ok(())
    }
}

impl Frame {
    /// The bytes of a sample.
    fn sample_size(&self) -> usize {
        if self.precision > 8 { 2 } else { 1 }
    }

    /// Appends a row, the samples of each pixel together.
    fn put(&self, components: &[Rows], out: &mut Vec<u8>) {
        for x in 0..self.width {
            for rows in components {
                // Samples are never higher than their precision allows.
                let sample = (rows.samples()[x] as u16).to_le_bytes();
                out.extend_from_slice(&sample[..self.sample_size()]);
            }
        }
    }
}
