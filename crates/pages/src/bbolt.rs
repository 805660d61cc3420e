//! Reads a bbolt file: the key-value store in which Trivy ships its database.
//!
//! Shape: pages of one size. Pages 0 and 1 are meta pages; the valid one with the higher transaction id names the root bucket's page. A page is
//! a branch (keys to pages) or a leaf (keys to values); a value may be a bucket of its own, on pages or inline in the value.
//! Errors: every count, position and length is checked against the bytes at hand, and an error names the page and the offset in the file.
//! A tree that shares pages or runs in circles is cut off by a budget of pages and bytes (`WORK_FACTOR` times the file).
//! Source: go.etcd.io/bbolt: `internal/common/{page,meta,inode,bucket}.go`, little endian as on every machine that Trivy's database is built on.

use std::cell::Cell;

use crate::bytes::{u16_at, u32_at, u64_at};

const PAGE_HEADER: usize = 16;
const ELEMENT: usize = 16;
const META_SIZE: usize = 64;
const BUCKET_HEADER: usize = 16;
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const META: u16 = 0x04;
const IS_BUCKET: u32 = 1;

/// A B+ tree with 16-byte elements on 1 KiB pages reaches 2^64 keys in fewer levels.
const MAX_DEPTH: usize = 32;
/// How often over all iterations may visit the whole file: an honest reader needs once or twice, a circle would need forever.
const WORK_FACTOR: u64 = 64;

/// What is wrong with a bbolt file, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why} (page {page}, offset {offset})")]
pub struct BoltError {
    /// Number of the page.
    pub page: u64,
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// What is wrong there.
    pub why: BoltFault,
}

/// The kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BoltFault {
    /// Neither meta page carries the magic number.
    #[error("this is no bbolt file")]
    NotBolt,
    /// A meta page is of another version of the format.
    #[error("the bbolt format has version {0}, and only version 2 is known")]
    Version(u32),
    /// No meta page has a right checksum.
    #[error("no meta page has a right checksum")]
    Checksum,
    /// The page size is no power of two from 1 KiB to 64 KiB.
    #[error("the page size {0} is impossible")]
    PageSize(u32),
    /// The file is shorter than its meta page says.
    #[error("the file is cut: it has {have} bytes and its meta page speaks of {need}")]
    Cut {
        /// Bytes in the file.
        have: u64,
        /// Bytes that the meta page counts.
        need: u64,
    },
    /// A page number outside the file.
    #[error("the page lies outside the file")]
    NoSuchPage,
    /// A page calls itself by another number.
    #[error("the page says that it is page {0}")]
    WrongPage(u64),
    /// A page is neither branch nor leaf.
    #[error("the page is neither branch nor leaf (flags {0:#x})")]
    PageKind(u16),
    /// The elements do not fit.
    #[error("the page claims {0} elements, which do not fit")]
    Count(u16),
    /// A key or value outside its page.
    #[error("a key or value lies outside its page")]
    Element,
    /// A bucket's header is cut, or its inline page is.
    #[error("a bucket is cut")]
    Bucket,
    /// Deeper than any tree can be.
    #[error("the tree is deeper than {MAX_DEPTH} levels")]
    Depth,
    /// More work than the file can honestly ask for: pages are shared or run in a circle.
    #[error("the pages are shared or run in a circle")]
    Circle,
}

/// A bbolt file in memory or in a memory map.
#[derive(Debug)]
pub struct Bolt<'a> {
    bytes: &'a [u8],
    page_size: usize,
    pages: u64,
    root: u64,
    /// Bytes that iterations may still visit.
    budget: Cell<u64>,
}

/// One bucket: ordered keys with values or further buckets.
#[derive(Debug, Clone, Copy)]
pub struct Bucket<'b, 'a> {
    bolt: &'b Bolt<'a>,
    root: Root<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Root<'a> {
    Page(u64),
    Inline(Page<'a>),
}

/// What stands under a key.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'b, 'a> {
    /// Bytes.
    Value(&'a [u8]),
    /// A bucket.
    Bucket(Bucket<'b, 'a>),
}

#[derive(Debug, Clone, Copy)]
struct Page<'a> {
    id: u64,
    /// Place of the page's first byte in the file.
    offset: u64,
    bytes: &'a [u8],
    leaf: bool,
    count: usize,
}

// === impl Bolt ===

impl<'a> Bolt<'a> {
    /// Chooses the meta page and checks that the file is as long as it says.
    pub fn open(bytes: &'a [u8]) -> Result<Bolt<'a>, BoltError> {
        let at = |page, offset, why| BoltError { page, offset, why };
        let first = Meta::read(bytes, 0);
        // The second meta page stands one page further, and only a valid first one tells how far that is.
        let second = match &first {
            Ok(meta) => Meta::read(bytes, meta.page_size as usize),
            Err(_) => (10..=16).map(|shift| Meta::read(bytes, 1 << shift)).find(Result::is_ok).unwrap_or(Err(at(
                1,
                0,
                BoltFault::NotBolt,
            ))),
        };
        let meta = match (first, second) {
            (Ok(first), Ok(second)) if second.txid > first.txid => second,
            (Ok(first), _) => first,
            (Err(_), Ok(second)) => second,
            (Err(err), Err(_)) => return Err(err),
        };
        let need = meta.pages.saturating_mul(u64::from(meta.page_size));
        let have = bytes.len() as u64;
        if need > have {
            return Err(at(meta.pages, have, BoltFault::Cut { have, need }));
        }
        let budget = have.saturating_mul(WORK_FACTOR);
        Ok(Bolt {
            bytes,
            page_size: meta.page_size as usize,
            pages: meta.pages,
            root: meta.root,
            budget: Cell::new(budget),
        })
    }

    /// The bucket of all buckets.
    pub fn root<'b>(&'b self) -> Bucket<'b, 'a> {
        Bucket { bolt: self, root: Root::Page(self.root) }
    }

    fn page(&self, id: u64) -> Result<Page<'a>, BoltError> {
        let offset = id.saturating_mul(self.page_size as u64);
        let fail = |why| BoltError { page: id, offset, why };
        if id < 2 || id >= self.pages {
            return Err(fail(BoltFault::NoSuchPage));
        }
        let start = usize::try_from(offset).map_err(|_| fail(BoltFault::NoSuchPage))?;
        let header = self.bytes.get(start..).ok_or(fail(BoltFault::NoSuchPage))?;
        let stated = u64_at(header, 0).ok_or(fail(BoltFault::NoSuchPage))?;
        if stated != id {
            return Err(fail(BoltFault::WrongPage(stated)));
        }
        let overflow = u32_at(header, 12).ok_or(fail(BoltFault::NoSuchPage))?;
        let span = u64::from(overflow) + 1;
        if id.checked_add(span).is_none_or(|end| end > self.pages) {
            return Err(fail(BoltFault::NoSuchPage));
        }
        let length = usize::try_from(span)
            .ok()
            .and_then(|span| span.checked_mul(self.page_size))
            .ok_or(fail(BoltFault::NoSuchPage))?;
        let bytes = header.get(..length).ok_or(fail(BoltFault::NoSuchPage))?;
        Page::read(bytes, id, offset)
    }

    /// Takes `bytes` of work off the budget.
    fn spend(&self, bytes: usize, page: u64, offset: u64) -> Result<(), BoltError> {
        match self.budget.get().checked_sub(bytes as u64) {
            Some(rest) => {
                self.budget.set(rest);
                Ok(())
            }
            None => Err(BoltError { page, offset, why: BoltFault::Circle }),
        }
    }
}

struct Meta {
    page_size: u32,
    root: u64,
    pages: u64,
    txid: u64,
}

impl Meta {
    fn read(bytes: &[u8], start: usize) -> Result<Meta, BoltError> {
        let page = u64::from(start != 0);
        let fail = |why| BoltError { page, offset: start as u64, why };
        let body_at = start + PAGE_HEADER;
        let flags = u16_at(bytes, start + 8).ok_or(fail(BoltFault::NotBolt))?;
        let body = bytes.get(body_at..body_at + META_SIZE).ok_or(fail(BoltFault::NotBolt))?;
        let number = |at| u32_at(body, at).ok_or(fail(BoltFault::NotBolt));
        let long = |at| u64_at(body, at).ok_or(fail(BoltFault::NotBolt));
        if number(0)? != MAGIC || flags & META == 0 {
            return Err(fail(BoltFault::NotBolt));
        }
        if number(4)? != VERSION {
            return Err(fail(BoltFault::Version(number(4)?)));
        }
        if fnv64a(&body[..META_SIZE - 8]) != long(56)? {
            return Err(fail(BoltFault::Checksum));
        }
        let page_size = number(8)?;
        if !page_size.is_power_of_two() || !(1 << 10..=1 << 16).contains(&page_size) {
            return Err(fail(BoltFault::PageSize(page_size)));
        }
        Ok(Meta { page_size, root: long(16)?, pages: long(40)?, txid: long(48)? })
    }
}

/// FNV-1a with 64 bits. Source: Fowler, Noll, Vo: <http://www.isthe.com/chongo/tech/comp/fnv/>, as Go's `hash/fnv` `New64a`.
fn fnv64a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

// === impl Page ===

impl<'a> Page<'a> {
    fn read(bytes: &'a [u8], id: u64, offset: u64) -> Result<Page<'a>, BoltError> {
        let fail = |why| BoltError { page: id, offset, why };
        let flags = u16_at(bytes, 8).ok_or(fail(BoltFault::Bucket))?;
        let count = u16_at(bytes, 10).ok_or(fail(BoltFault::Bucket))?;
        let leaf = match flags {
            LEAF => true,
            BRANCH => false,
            other => return Err(fail(BoltFault::PageKind(other))),
        };
        let elements = usize::from(count) * ELEMENT;
        if PAGE_HEADER + elements > bytes.len() {
            return Err(fail(BoltFault::Count(count)));
        }
        Ok(Page { id, offset, bytes, leaf, count: usize::from(count) })
    }

    fn fail(&self, at: usize, why: BoltFault) -> BoltError {
        BoltError { page: self.id, offset: self.offset + at as u64, why }
    }

    fn slice(&self, start: usize, length: usize) -> Result<&'a [u8], BoltError> {
        start
            .checked_add(length)
            .and_then(|end| self.bytes.get(start..end))
            .ok_or(self.fail(start.min(self.bytes.len()), BoltFault::Element))
    }

    fn number(&self, at: usize) -> Result<u32, BoltError> {
        u32_at(self.bytes, at).ok_or(self.fail(at, BoltFault::Element))
    }

    /// Key and child page of a branch element.
    fn branch(&self, index: usize) -> Result<(&'a [u8], u64), BoltError> {
        let at = PAGE_HEADER + index * ELEMENT;
        let (position, key) = (self.number(at)? as usize, self.number(at + 4)? as usize);
        let child = u64_at(self.bytes, at + 8).ok_or(self.fail(at, BoltFault::Element))?;
        Ok((self.slice(at + position, key)?, child))
    }

    /// Flags, key and value of a leaf element.
    fn leaf(&self, index: usize) -> Result<LeafElement<'a>, BoltError> {
        let at = PAGE_HEADER + index * ELEMENT;
        let flags = self.number(at)?;
        let position = self.number(at + 4)? as usize;
        let (key, value) = (self.number(at + 8)? as usize, self.number(at + 12)? as usize);
        let value_at = at + position + key;
        Ok(LeafElement {
            is_bucket: flags & IS_BUCKET != 0,
            key: self.slice(at + position, key)?,
            value: self.slice(value_at, value)?,
            value_at: self.offset + value_at as u64,
        })
    }

    fn key(&self, index: usize) -> Result<&'a [u8], BoltError> {
        if self.leaf { self.leaf(index).map(|element| element.key) } else { self.branch(index).map(|(key, _)| key) }
    }

    /// Index of the first element whose key is greater than `key`.
    fn after(&self, key: &[u8]) -> Result<usize, BoltError> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle)? <= key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

struct LeafElement<'a> {
    is_bucket: bool,
    key: &'a [u8],
    value: &'a [u8],
    value_at: u64,
}

// === impl Bucket ===

impl<'b, 'a> Bucket<'b, 'a> {
    fn of_value(bolt: &'b Bolt<'a>, page: u64, value: &'a [u8], at: u64) -> Result<Bucket<'b, 'a>, BoltError> {
        let fail = BoltError { page, offset: at, why: BoltFault::Bucket };
        let root = u64_at(value, 0).ok_or(fail)?;
        if root != 0 {
            return Ok(Bucket { bolt, root: Root::Page(root) });
        }
        let inline = value.get(BUCKET_HEADER..).ok_or(fail)?;
        Ok(Bucket { bolt, root: Root::Inline(Page::read(inline, page, at + BUCKET_HEADER as u64)?) })
    }

    /// Whether its page stands inside its parent's value.
    pub fn is_inline(&self) -> bool {
        matches!(self.root, Root::Inline(_))
    }

    /// All keys in order. Allocates once for the way down the tree, not per key.
    pub fn iter(&self) -> Iter<'b, 'a> {
        Iter { bolt: self.bolt, start: Some(self.root), way: Vec::new() }
    }

    /// What stands under `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Entry<'b, 'a>>, BoltError> {
        let mut page = self.root_page()?;
        for _ in 0..MAX_DEPTH {
            let after = page.after(key)?;
            if page.leaf {
                let Some(index) = after.checked_sub(1) else { return Ok(None) };
                let element = page.leaf(index)?;
                return if element.key == key { self.entry(&page, element).map(Some) } else { Ok(None) };
            }
            // A branch's first key is the least of its first child, so a lesser one is nowhere.
            let Some(index) = after.checked_sub(1) else { return Ok(None) };
            page = self.bolt.page(page.branch(index)?.1)?;
        }
        Err(page.fail(0, BoltFault::Depth))
    }

    /// The bucket under `key`; a plain value is none.
    pub fn bucket(&self, key: &[u8]) -> Result<Option<Bucket<'b, 'a>>, BoltError> {
        Ok(match self.get(key)? {
            Some(Entry::Bucket(bucket)) => Some(bucket),
            Some(Entry::Value(_)) | None => None,
        })
    }

    fn root_page(&self) -> Result<Page<'a>, BoltError> {
        match self.root {
            Root::Page(id) => self.bolt.page(id),
            Root::Inline(page) => Ok(page),
        }
    }

    fn entry(&self, page: &Page<'a>, element: LeafElement<'a>) -> Result<Entry<'b, 'a>, BoltError> {
        entry(self.bolt, page, element)
    }
}

fn entry<'b, 'a>(bolt: &'b Bolt<'a>, page: &Page<'a>, element: LeafElement<'a>) -> Result<Entry<'b, 'a>, BoltError> {
    if element.is_bucket {
        Bucket::of_value(bolt, page.id, element.value, element.value_at).map(Entry::Bucket)
    } else {
        Ok(Entry::Value(element.value))
    }
}

/// Walks a bucket's keys in order. After an error it ends.
#[derive(Debug)]
pub struct Iter<'b, 'a> {
    bolt: &'b Bolt<'a>,
    start: Option<Root<'a>>,
    way: Vec<(Page<'a>, usize)>,
}

impl<'b, 'a> Iter<'b, 'a> {
    fn enter(&mut self, page: Page<'a>) -> Result<(), BoltError> {
        if self.way.len() >= MAX_DEPTH {
            return Err(page.fail(0, BoltFault::Depth));
        }
        self.bolt.spend(page.bytes.len().min(self.bolt.page_size), page.id, page.offset)?;
        self.way.push((page, 0));
        Ok(())
    }

    fn step(&mut self) -> Result<Option<(&'a [u8], Entry<'b, 'a>)>, BoltError> {
        match self.start.take() {
            Some(Root::Page(id)) => self.enter(self.bolt.page(id)?)?,
            Some(Root::Inline(page)) => self.enter(page)?,
            None => {}
        }
        while let Some((page, next)) = self.way.last_mut() {
            if *next >= page.count {
                self.way.pop();
                continue;
            }
            let (page, index) = (*page, *next);
            *next += 1;
            if page.leaf {
                let element = page.leaf(index)?;
                self.bolt.spend(element.key.len() + element.value.len(), page.id, page.offset)?;
                let key = element.key;
                return Ok(Some((key, entry(self.bolt, &page, element)?)));
            }
            let child = page.branch(index)?.1;
            self.enter(self.bolt.page(child)?)?;
        }
        Ok(None)
    }
}

impl<'b, 'a> Iterator for Iter<'b, 'a> {
    type Item = Result<(&'a [u8], Entry<'b, 'a>), BoltError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.step() {
            Ok(item) => item.map(Ok),
            Err(err) => {
                self.way.clear();
                Some(Err(err))
            }
        }
    }
}

#[cfg(test)]
mod tests;
