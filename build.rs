//! Puts the page of `web/dist` into the program, compressed, if the feature `viewer` is on.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "viewer")]
    page::embed();
}

#[cfg(feature = "viewer")]
mod page {
    use std::fs;
    use std::io::Write;
    use std::path::{Path, PathBuf};

    pub(super) fn embed() {
        let variable = |name| PathBuf::from(std::env::var_os(name).unwrap_or_default());
        let dist = variable("CARGO_MANIFEST_DIR").join("web/dist");
        let out = variable("OUT_DIR");
        println!("cargo::rerun-if-changed={}", dist.display());
        if let Err(e) = write(&dist, &out) {
            println!("cargo::error=the page in {} (scripts/viewer makes it): {e}", dist.display());
        }
    }

    fn write(dist: &Path, out: &Path) -> std::io::Result<()> {
        let mut files = Vec::new();
        collect(dist, "", &mut files)?;
        files.sort();
        let mut list = String::from("const ASSETS: &[(&str, &[u8])] = &[\n");
        for (i, name) in files.iter().enumerate() {
            let packed = out.join(format!("page.{i}.gz"));
            let mut gzip = flate2::write::GzEncoder::new(fs::File::create(&packed)?, flate2::Compression::best());
            gzip.write_all(&fs::read(dist.join(name))?)?;
            gzip.finish()?;
            list.push_str(&format!("    ({name:?}, include_bytes!({:?})),\n", packed.display().to_string()));
        }
        fs::write(out.join("page.rs"), list + "];\n")
    }

    fn collect(folder: &Path, before: &str, files: &mut Vec<String>) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{before}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                collect(&entry.path(), &format!("{name}/"), files)?;
            } else {
                files.push(name);
            }
        }
        Ok(())
    }
}
