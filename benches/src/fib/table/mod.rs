//! Route tables to measure with: from a text file, from an MRT RIB dump, or made up in the shape of a real one.

mod mrt;
mod shape;
mod synthetic;
mod synthetic4;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use dataplane::fib::Prefix6;
pub use shape::Shape;
pub use synthetic::MAX_SYNTHETIC_ROUTES;

/// Routes of one table, at most: what one next-hop id for each route leaves room for in every engine.
pub const MAX_ROUTES: usize = 8_000_000;
/// Routes of the synthetic IPv6 table, unless the user says otherwise.
pub const DEFAULT_ROUTES: usize = 280_000;
/// Routes of the synthetic IPv4 table.
pub const IPV4_ROUTES: usize = 1_000_000;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const BZIP2_MAGIC: &[u8] = b"BZh";
const BUFFER_BYTES: usize = 1 << 20;

/// The address family of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv6.
    V6,
    /// IPv4. An IPv4 prefix is held as the IPv6 prefix of the same first 32 bits and the same length.
    V4,
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The prefix; see [`Family::V4`] for IPv4.
    pub prefix: Prefix6,
    /// What it leads to; never 0, which is "no route".
    pub next_hop: u32,
}

/// Routes in ascending order of prefix, each prefix once.
#[derive(Clone, Debug)]
pub struct Table {
    /// Whose prefixes these are.
    pub family: Family,
    /// Where the table comes from, for the report.
    pub source: String,
    routes: Vec<Route>,
}

impl Table {
    /// A table of these routes; of two with one prefix the later one stays.
    pub fn new(family: Family, source: impl Into<String>, routes: impl IntoIterator<Item = Route>) -> Table {
        let unique: BTreeMap<Prefix6, u32> =
            routes.into_iter().map(|route| (route.prefix, route.next_hop)).collect();
        let routes = unique.into_iter().map(|(prefix, next_hop)| Route { prefix, next_hop }).collect();
        Table { family, source: source.into(), routes }
    }

    /// The synthetic IPv6 table: `routes` prefixes (at most [`MAX_SYNTHETIC_ROUTES`]), the same on every machine.
    pub fn synthetic(routes: usize) -> Table {
        let source = format!("synthetic, {routes} IPv6 routes in the shape of a BGP table");
        Table::new(Family::V6, source, synthetic::routes(routes))
    }

    /// The synthetic IPv4 table: `routes` prefixes (at most [`MAX_SYNTHETIC_ROUTES`]), the same on every machine.
    pub fn synthetic4(routes: usize) -> Table {
        let source = format!("synthetic, {routes} IPv4 routes with the lengths of a BGP table");
        Table::new(Family::V4, source, synthetic4::routes(routes))
    }

    /// Reads an IPv6 table: text (`PREFIX NEXT_HOP_ID` a line) or an MRT RIB dump, either as it is or compressed
    /// with gzip or bzip2. The content tells which, not the name.
    ///
    /// # Errors
    /// One line for the user: the file, where in it, and what is wrong there.
    pub fn read(path: &Path) -> Result<Table, TableError> {
        let name = path.display();
        let error = |place: &str, what: &dyn fmt::Display| TableError(format!("{name}{place}: {what}"));
        let file = File::open(path).map_err(|e| error("", &e))?;
        let mut reader =
            decompressed(BufReader::with_capacity(BUFFER_BYTES, file)).map_err(|e| error("", &e))?;
        let head = reader.fill_buf().map_err(|e| error("", &e))?;
        let routes = if mrt::is_mrt(head) {
            mrt::routes(&mut reader).map_err(|e| error(&format!(", octet {}", e.offset), &e.what))?
        } else {
            text::routes(&mut reader).map_err(|e| error(&format!(":{}", e.line), &e.what))?
        };
        if routes.is_empty() {
            return Err(error("", &"no IPv6 route in it"));
        }
        let source =
            path.file_name().map_or_else(|| name.to_string(), |name| name.to_string_lossy().into_owned());
        Ok(Table::new(Family::V6, source, routes))
    }

    /// The same prefixes, each with a next hop of its own: 1, 2, 3 and so on. Nothing merges.
    #[must_use]
    pub fn with_distinct_next_hops(mut self) -> Table {
        for (route, next_hop) in self.routes.iter_mut().zip(1..) {
            route.next_hop = next_hop;
        }
        self.source.push_str(", every next hop distinct");
        self
    }

    /// The routes, in ascending order of prefix.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The length of the longest prefix, in bits; 0 for the empty table.
    pub fn longest_len(&self) -> u8 {
        self.routes.iter().map(|route| route.prefix.len()).max().unwrap_or(0)
    }
}

/// Why a table cannot be read; one line for the user.
#[derive(Debug, PartialEq, Eq)]
pub struct TableError(String);

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TableError {}

/// What a file holds, whether it is compressed or not.
fn decompressed(mut file: impl BufRead + 'static) -> io::Result<Box<dyn BufRead>> {
    let head = file.fill_buf()?;
    let plain: Box<dyn Read> = if head.starts_with(GZIP_MAGIC) {
        Box::new(flate2::bufread::MultiGzDecoder::new(file))
    } else if head.starts_with(BZIP2_MAGIC) {
        Box::new(bzip2_rs::DecoderReader::new(file))
    } else {
        return Ok(Box::new(file));
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, plain)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::Ipv6Addr;

    fn written(name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("benches-table-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        path
    }

    fn read(name: &str, content: &[u8]) -> Result<Table, String> {
        let path = written(name, content);
        let result =
            Table::read(&path).map_err(|e| e.to_string().replace(&path.display().to_string(), "FILE"));
        std::fs::remove_file(path).unwrap();
        result
    }

    fn prefix(text: &str, len: u8) -> Prefix6 {
        Prefix6::new(text.parse::<Ipv6Addr>().unwrap().into(), len)
    }

    const TEXT: &[u8] = b"# a table\n\n2001:db8:1::/48 7\n  2001:db8::/32\t9  \n2001:db8:1::/48 8\n";

    fn expected() -> [Route; 2] {
        [
            Route { prefix: prefix("2001:db8::", 32), next_hop: 9 },
            Route { prefix: prefix("2001:db8:1::", 48), next_hop: 8 },
        ]
    }

    #[test]
    fn text_is_sorted_and_the_last_of_equal_prefixes_stays() {
        assert_eq!(read("text", TEXT).unwrap().routes(), expected());
    }

    #[test]
    fn gzip_of_two_members_is_one_table() {
        let mut bytes = Vec::new();
        for part in [&TEXT[..11], &TEXT[11..]] {
            let mut encoder = flate2::write::GzEncoder::new(&mut bytes, flate2::Compression::fast());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap();
        }
        assert_eq!(read("gzip", &bytes).unwrap().routes(), expected());
    }

    const BZIP2_SAMPLE: &[u8] = &[
        0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0xda, 0x79, 0xdd, 0x10, 0x00, 0x00, 0x07,
        0xd9, 0x00, 0x00, 0x10, 0x40, 0x00, 0xfc, 0x70, 0x14, 0x00, 0x20, 0x00, 0x21, 0x2a, 0x64, 0x69, 0x9a,
        0x20, 0x80, 0x68, 0x01, 0x22, 0x6c, 0x62, 0x47, 0x61, 0x74, 0xa2, 0xaf, 0x07, 0x91, 0x19, 0xaf, 0x1b,
        0x3e, 0x2e, 0xe4, 0x8a, 0x70, 0xa1, 0x21, 0xb4, 0xf3, 0xba, 0x20,
    ];

    #[test]
    fn bzip2_of_the_command_of_that_name() {
        // printf '2001:db8::/32 9\n2001:db8:1::/48 8\n' | bzip2 -9
        assert_eq!(read("bzip2", BZIP2_SAMPLE).unwrap().routes(), expected());
    }

    #[test]
    fn errors_name_file_and_place() {
        let line = |content: &[u8]| read("bad", content).unwrap_err();
        assert_eq!(line(b"2001:db8::/32 1\n\n2001:db8::/33\n"), "FILE:3: want `PREFIX NEXT_HOP_ID`");
        assert_eq!(line(b""), "FILE: no IPv6 route in it");
        assert_eq!(line(b"# nothing\n"), "FILE: no IPv6 route in it");
        let missing = Table::read(Path::new("/nonexistent/table")).unwrap_err().to_string();
        assert!(missing.starts_with("/nonexistent/table: No such file"), "{missing}");
        let cut = [GZIP_MAGIC, &[8, 0, 0, 0]].concat();
        assert!(line(&cut).starts_with("FILE: "), "{}", line(&cut));
        assert!(line(b"BZh9 this is not bzip2").starts_with("FILE: "), "{}", line(b"BZh9 this is not bzip2"));
    }

    #[test]
    fn distinct_next_hops_count_from_one() {
        let table = Table::synthetic(5000).with_distinct_next_hops();
        assert!(table.routes().iter().map(|route| route.next_hop).eq(1..=5000));
    }
}
