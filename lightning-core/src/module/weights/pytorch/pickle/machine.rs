//! The program of a pickle, run on a stack.

use std::{
    collections::HashMap,
    io::{self, BufRead, Read as _},
};

use super::{Entry, Id, Object, Pickle, damaged};

/// The most bytes that are reserved before they are read.
const RESERVED: u64 = 1 << 16;

/// The stack machine that a pickle is a program of.
#[derive(Default)]
pub(super) struct Machine {
    pickle: Pickle,
    stack: Vec<Id>,
    /// The heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine {
    /// Runs a pickle up to its end.
    ///
    /// # Errors
    /// If it ends early, or has an operation that PyTorch does not write.
    pub(super) fn run(mut self, input: &mut impl BufRead) -> io::Result<Pickle> {
        while self.step(input)? {}
        self.pickle.root = self.pop()?;
        Ok(self.pickle)
    }

    fn push(&mut self, object: Object) {
        self.stack.push(self.pickle.objects.len());
        self.pickle.objects.push(object);
    }

    fn pop(&mut self) -> io::Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(damaged("the pickle takes an object that is not there"));
        }
        self.stack.pop().ok_or_else(|| damaged("the pickle is empty"))
    }

    fn top(&self) -> io::Result<Id> {
        self.stack.last().copied().ok_or_else(|| damaged("the pickle is empty"))
    }

    fn pop_to_mark(&mut self) -> io::Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| damaged("the pickle has no mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn pop_many(&mut self, count: usize) -> io::Result<Vec<Id>> {
        let mut items = (0..count).map(|_| self.pop()).collect::<io::Result<Vec<_>>>()?;
        items.reverse();
        Ok(items)
    }

    fn remember(&mut self, place: u64) -> io::Result<()> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u64) -> io::Result<()> {
        let id = *self.memo.get(&place).ok_or_else(|| damaged("the pickle recalls what it did not store"))?;
        self.stack.push(id);
        Ok(())
    }

    /// Adds items to the list on top, or to an object that behaves as one.
    fn append(&mut self, items: Vec<Id>) -> io::Result<()> {
        let top = self.top()?;
        match self.pickle.objects.get_mut(top) {
            Some(Object::Sequence(list)) => list.extend(items),
            Some(other @ Object::Other(_)) => *other = Object::Sequence(items),
            _ => return Err(damaged("the pickle adds items to what is not a list")),
        }
        Ok(())
    }

    /// Adds pairs to the dictionary on top, or to an object that behaves as one.
    fn set_items(&mut self, items: &[Id]) -> io::Result<()> {
        let top = self.top()?;
        let pairs = items.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)));
        match self.pickle.objects.get_mut(top) {
            Some(Object::Dict(entries)) => entries.extend(pairs),
            Some(other @ Object::Other(_)) => *other = Object::Dict(pairs.collect()),
            _ => return Err(damaged("the pickle adds entries to what is not a dictionary")),
        }
        Ok(())
    }

    /// Sets the attributes of the object on top.
    fn build(&mut self, state: Id) -> io::Result<()> {
        let top = self.top()?;
        let object = self.pickle.object(top)?;
        // A whole module: its parameters, buffers and modules are those of its state dict.
        let tables = ["_parameters", "_buffers", "_modules"].map(|table| self.pickle.get(state, table));
        let replaced = match (object, tables) {
            (Object::Other(_), [Some(parameters), Some(buffers), Some(modules)]) => {
                let mut entries = Vec::new();
                for table in [parameters, buffers, modules] {
                    if let Object::Dict(table) = self.pickle.object(table)? {
                        entries.extend(table.iter().copied());
                    }
                }
                Object::Dict(entries)
            }
            (Object::Other(name), _) if self.pickle.holds_tensor(state) => {
                Object::Entry(Entry::Unsupported(name.clone()))
            }
            _ => return Ok(()),
        };
        if let Some(object) = self.pickle.objects.get_mut(top) {
            *object = replaced;
        }
        Ok(())
    }

    /// Runs one operation, and returns whether another follows.
    fn step(&mut self, input: &mut impl BufRead) -> io::Result<bool> {
        match byte(input)? {
            b'.' => return Ok(false),
            // The version of the format, and the length of a frame.
            0x80 => _ = byte(input)?,
            0x95 => _ = number(input, 8)?,
            b'(' => self.marks.push(self.stack.len()),
            b'0' => _ = self.pop()?,
            b'1' => _ = self.pop_to_mark()?,
            b'2' => self.stack.push(self.top()?),
            b'N' => self.push(Object::Other("None".to_owned())),
            0x88 | 0x89 => self.push(Object::Other("bool".to_owned())),
            b'J' => {
                let value = number(input, 4)? as u32 as i32;
                self.push(Object::Int(i64::from(value)));
            }
            b'K' => {
                let value = number(input, 1)?;
                self.push(Object::Int(value as i64));
            }
            b'M' => {
                let value = number(input, 2)?;
                self.push(Object::Int(value as i64));
            }
            0x8a => {
                let length = number(input, 1)?;
                let bytes = bytes(input, length)?;
                self.push(long(&bytes));
            }
            0x8b => {
                let length = number(input, 4)?;
                let bytes = bytes(input, length)?;
                self.push(long(&bytes));
            }
            b'G' => {
                number(input, 8)?;
                self.push(Object::Other("float".to_owned()));
            }
            b'X' => self.push_text(input, 4)?,
            0x8c => self.push_text(input, 1)?,
            0x8d => self.push_text(input, 8)?,
            b'U' => self.push_text(input, 1)?,
            b'T' => self.push_text(input, 4)?,
            b'B' => self.push_bytes(input, 4)?,
            b'C' => self.push_bytes(input, 1)?,
            0x8e | 0x96 => self.push_bytes(input, 8)?,
            b']' | b')' | 0x8f => self.push(Object::Sequence(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
            b't' | b'l' | 0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Object::Sequence(items));
            }
            count @ 0x85..=0x87 => {
                let items = self.pop_many(usize::from(count - 0x84))?;
                self.push(Object::Sequence(items));
            }
            b'd' => {
                let items = self.pop_to_mark()?;
                self.push(Object::Dict(Vec::new()));
                self.set_items(&items)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b's' => {
                let items = self.pop_many(2)?;
                self.set_items(&items)?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
            }
            b'c' => {
                let (module, name) = (line(input)?, line(input)?);
                self.push(Object::Global(format!("{module}.{name}")));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let name = format!("{}.{}", self.pickle.text(module)?, self.pickle.text(name)?);
                self.push(Object::Global(name));
            }
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let object = self.pickle.call(callable, arguments, 0)?;
                self.push(object);
            }
            0x92 => {
                let (_named, arguments, callable) = (self.pop()?, self.pop()?, self.pop()?);
                let object = self.pickle.call(callable, arguments, 0)?;
                self.push(object);
            }
            b'b' => {
                let state = self.pop()?;
                self.build(state)?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.pickle.storage(id)?;
                self.push(storage);
            }
            b'q' => {
                let place = number(input, 1)?;
                self.remember(place)?;
            }
            b'r' => {
                let place = number(input, 4)?;
                self.remember(place)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'h' => {
                let place = number(input, 1)?;
                self.recall(place)?;
            }
            b'j' => {
                let place = number(input, 4)?;
                self.recall(place)?;
            }
            other => return Err(damaged(format!("the pickle has the unknown operation 0x{other:02x}"))),
        }
        Ok(true)
    }

    /// Pushes a text after its length, which has `width` bytes.
    fn push_text(&mut self, input: &mut impl BufRead, width: usize) -> io::Result<()> {
        let length = number(input, width)?;
        let bytes = bytes(input, length)?;
        self.push(Object::Text(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(())
    }

    fn push_bytes(&mut self, input: &mut impl BufRead, width: usize) -> io::Result<()> {
        let length = number(input, width)?;
        bytes(input, length)?;
        self.push(Object::Other("bytes".to_owned()));
        Ok(())
    }
}

fn byte(input: &mut impl BufRead) -> io::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// Reads a little-endian number of up to eight bytes.
fn number(input: &mut impl BufRead, width: usize) -> io::Result<u64> {
    let mut value = [0; 8];
    input.read_exact(value.get_mut(..width).unwrap_or_default())?;
    Ok(u64::from_le_bytes(value))
}

/// Reads bytes. A damaged length reserves no more than the input has.
fn bytes(input: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(RESERVED) as usize);
    let read = input.take(length).read_to_end(&mut bytes)?;
    if (read as u64) < length {
        return Err(damaged("the pickle ends early"));
    }
    Ok(bytes)
}

fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(damaged("the pickle ends early"));
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Returns an integer of any length, which is of no use here if it has more than eight bytes.
fn long(bytes: &[u8]) -> Object {
    let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut value = [fill; 8];
    match value.get_mut(..bytes.len()) {
        Some(start) => {
            start.copy_from_slice(bytes);
            Object::Int(i64::from_le_bytes(value))
        }
        None => Object::Other("int".to_owned()),
    }
}
