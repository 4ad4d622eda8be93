//! The pickle of a PyTorch file, as far as it names tensors.
//!
//! Burn's reader refuses a file with one tensor that it cannot represent. This one leaves such a
//! tensor out and names its type. No code is run: a call is either one of those that rebuild a
//! tensor, or kept as a name.
//!
//! Objects live in an arena and refer to each other by index, as CPython's memo does, so that a
//! pickle that refers to one object a million times is no larger in memory than in the file.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, BufRead, ErrorKind, Read as _},
};

use burn::tensor::{BoolStore, DType};

/// The deepest nesting of containers, and the largest number of places in all of them.
const DEEPEST: usize = 200;
const MOST_PLACES: usize = 10_000_000;

/// The largest number of objects in the arguments of a call that are looked at.
const MOST_ARGUMENTS: usize = 10_000;

/// The most bytes of a tensor, which is Burn's limit.
const LARGEST_TENSOR: u64 = 10 << 30;

/// The most bytes that are reserved before they are read.
const RESERVED: u64 = 1 << 16;

/// A tensor as the pickle describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) storage: String,
    pub(super) dtype: DType,
    /// In elements, as are the strides.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// What stands under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Tensor(Described),
    /// A tensor of this type, which Burn does not have.
    Unsupported(String),
}

type Id = usize;

#[derive(Clone, Debug)]
enum Object {
    Int(i64),
    Text(String),
    Sequence(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function, by its module and name.
    Global(String),
    Storage {
        kind: String,
        key: String,
        offset: usize,
    },
    Entry(Entry),
    /// Anything else, of which only the name of the type is known.
    Other(String),
}

/// A pickle that was read.
#[derive(Debug, Default)]
pub(super) struct Pickle {
    objects: Vec<Object>,
    root: Id,
    /// The bytes of an element of each storage, for a container that has no other table of them.
    pub(super) storages: BTreeMap<String, usize>,
}

fn damaged(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.into())
}

impl Pickle {
    /// Reads one pickle, up to its end.
    ///
    /// # Errors
    /// If it ends early, or has an operation that PyTorch does not write.
    pub(super) fn read(input: &mut impl BufRead) -> io::Result<Self> {
        let mut machine =
            Machine { pickle: Self::default(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        while machine.step(input)? {}
        machine.pickle.root = machine.pop()?;
        Ok(machine.pickle)
    }

    fn object(&self, id: Id) -> io::Result<&Object> {
        self.objects.get(id).ok_or_else(|| damaged("an object that is not there"))
    }

    fn text(&self, id: Id) -> io::Result<String> {
        match self.object(id)? {
            Object::Text(text) => Ok(text.clone()),
            Object::Int(number) => Ok(number.to_string()),
            _ => Err(damaged("a name must be a text or a number")),
        }
    }

    fn size(&self, id: Id) -> io::Result<usize> {
        match self.object(id)? {
            Object::Int(number) => usize::try_from(*number).map_err(|_| damaged("a size is negative")),
            _ => Err(damaged("a size must be a number")),
        }
    }

    fn sequence(&self, id: Id) -> io::Result<&[Id]> {
        match self.object(id)? {
            Object::Sequence(items) => Ok(items),
            _ => Err(damaged("the arguments of a call must be a tuple")),
        }
    }

    fn sizes(&self, id: Id) -> io::Result<Vec<usize>> {
        self.sequence(id)?.iter().map(|id| self.size(*id)).collect()
    }

    /// Returns the texts of a list.
    pub(super) fn texts(&self) -> io::Result<Vec<String>> {
        self.sequence(self.root)?.iter().map(|id| self.text(*id)).collect()
    }

    /// Returns the entry `key` of a dictionary, if the object is one and has it.
    fn get(&self, id: Id, key: &str) -> Option<Id> {
        let Object::Dict(entries) = self.object(id).ok()? else { return None };
        entries.iter().rev().find(|(name, _)| self.text(*name).is_ok_and(|name| name == key)).map(|(_, value)| *value)
    }

    /// Returns the tensors by their paths through dictionaries and lists, below a key if one is
    /// given.
    ///
    /// # Errors
    /// If there is no such key, or the object is not a dictionary.
    pub(super) fn entries(&self, key: Option<&str>) -> io::Result<BTreeMap<String, Entry>> {
        let root = match key {
            None => self.root,
            Some(key) => self.get(self.root, key).ok_or_else(|| damaged(format!("the file has no key `{key}`")))?,
        };
        if !matches!(self.object(root)?, Object::Dict(_)) {
            return Err(damaged("the file must hold a dictionary"));
        }
        let mut found = BTreeMap::new();
        let mut places = 0;
        self.walk(root, &mut Vec::new(), &mut places, &mut found)?;
        Ok(found)
    }

    fn walk(
        &self,
        id: Id,
        path: &mut Vec<String>,
        places: &mut usize,
        found: &mut BTreeMap<String, Entry>,
    ) -> io::Result<()> {
        *places += 1;
        if path.len() > DEEPEST || *places > MOST_PLACES {
            return Err(damaged("the objects of the file are nested too deeply"));
        }
        let children: Vec<(String, Id)> = match self.object(id)? {
            Object::Entry(entry) => {
                found.insert(path.join("."), entry.clone());
                return Ok(());
            }
            Object::Dict(entries) => {
                let named = entries.iter().filter_map(|(key, value)| Some((self.text(*key).ok()?, *value)));
                named.collect()
            }
            Object::Sequence(items) => items.iter().enumerate().map(|(at, id)| (at.to_string(), *id)).collect(),
            _ => return Ok(()),
        };
        for (name, id) in children {
            path.push(name);
            self.walk(id, path, places, found)?;
            path.pop();
        }
        Ok(())
    }

    /// Returns whether an object holds a tensor, or too many objects to look at each.
    fn holds_tensor(&self, id: Id) -> bool {
        let mut seen = BTreeSet::from([id]);
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            let next: Vec<Id> = match self.objects.get(id) {
                Some(Object::Storage { .. } | Object::Entry(_)) => return true,
                Some(Object::Sequence(items)) => items.clone(),
                Some(Object::Dict(entries)) => entries.iter().map(|(_, value)| *value).collect(),
                _ => continue,
            };
            waiting.extend(next.into_iter().filter(|id| seen.insert(*id)));
            if seen.len() > MOST_ARGUMENTS {
                return true;
            }
        }
        false
    }

    /// Returns what a call makes.
    fn call(&self, callable: Id, arguments: Id, depth: usize) -> io::Result<Object> {
        if depth > DEEPEST {
            return Err(damaged("the calls of the file are nested too deeply"));
        }
        let name = match self.object(callable)? {
            Object::Global(name) => name.clone(),
            _ => "an unknown function".to_owned(),
        };
        match name.as_str() {
            "collections.OrderedDict" => {
                let pairs = match self.sequence(arguments)?.first() {
                    None => Vec::new(),
                    Some(pairs) => self.sequence(*pairs)?.to_vec(),
                };
                let pair = |id: Id| match self.sequence(id)? {
                    [key, value] => Ok((*key, *value)),
                    _ => Err(damaged("a dictionary is made of pairs")),
                };
                return Ok(Object::Dict(pairs.into_iter().map(pair).collect::<io::Result<_>>()?));
            }
            "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor_v3" => {
                return Ok(Object::Entry(self.tensor(arguments, name.ends_with("_v3"))?));
            }
            "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
                let data = self.sequence(arguments)?.first();
                return self.object(*data.ok_or_else(|| damaged("a parameter without data"))?).cloned();
            }
            "torch._tensor._rebuild_from_type_v2" => match self.sequence(arguments)? {
                [function, _, inner, ..] => {
                    return self.call(*function, *inner, depth + 1);
                }
                _ => return Err(damaged("a tensor of a class without its arguments")),
            },
            _ => {}
        }
        Ok(match name.strip_prefix("torch._utils._rebuild_") {
            Some(kind) => Object::Entry(Entry::Unsupported(kind.replace('_', " "))),
            None if self.holds_tensor(arguments) => Object::Entry(Entry::Unsupported(name)),
            None => Object::Other(name),
        })
    }

    /// Returns the tensor that `_rebuild_tensor` makes of storage, offset, sizes and strides; the
    /// third version has the element type too.
    fn tensor(&self, arguments: Id, has_type: bool) -> io::Result<Entry> {
        let arguments = self.sequence(arguments)?;
        let [storage, offset, shape, strides, rest @ ..] = arguments else {
            return Err(damaged("a tensor must have a storage, an offset, sizes and strides"));
        };
        let Object::Storage { kind, key, offset: start } = self.object(*storage)? else {
            return Err(damaged("a tensor without a storage"));
        };
        let name = match rest.get(2).map(|id| self.object(*id)) {
            Some(Ok(Object::Global(name))) if has_type => name.strip_prefix("torch.").unwrap_or(name).to_owned(),
            _ => element_type(kind),
        };
        let Some(dtype) = dtype(&name) else { return Ok(Entry::Unsupported(name)) };
        let (shape, strides) = (self.sizes(*shape)?, self.sizes(*strides)?);
        if shape.len() != strides.len() {
            return Err(damaged("a tensor must have a stride for each dimension"));
        }
        let bytes = shape.iter().try_fold(dtype.size() as u64, |bytes, dim| bytes.checked_mul(*dim as u64));
        if bytes.is_none_or(|bytes| bytes > LARGEST_TENSOR) {
            return Ok(Entry::Unsupported(format!("{name} of more than 10 GiB")));
        }
        let offset = self.size(*offset)?.checked_add(*start).ok_or_else(|| damaged("an offset is too large"))?;
        Ok(Entry::Tensor(Described { storage: key.clone(), dtype, offset, shape, strides }))
    }

    /// Returns the storage of a tuple `("storage", type, key, device, elements, view)`.
    fn storage(&mut self, id: Id) -> io::Result<Object> {
        let [_, kind, key, _, _, view @ ..] = self.sequence(id)? else {
            return Err(damaged("a storage must have a type, a key, a device and a size"));
        };
        let kind = match self.object(*kind)? {
            Object::Global(name) | Object::Text(name) => name.rsplit('.').next().unwrap_or(name).to_owned(),
            _ => return Err(damaged("the type of a storage must be a class")),
        };
        let key = self.text(*key)?;
        // Early files have a view of a larger storage: its key, its offset and its size.
        let offset = match view.first().map(|view| self.object(*view)) {
            Some(Ok(Object::Sequence(view))) => match view.as_slice() {
                [_, offset, _] => self.size(*offset)?,
                _ => return Err(damaged("a view must have a key, an offset and a size")),
            },
            _ => 0,
        };
        self.storages.insert(key.clone(), element_size(&kind));
        Ok(Object::Storage { kind, key, offset })
    }
}

/// Returns the name of the elements of a storage class, as torch prints it.
fn element_type(storage: &str) -> String {
    match storage {
        "FloatStorage" => "float32",
        "DoubleStorage" => "float64",
        "HalfStorage" => "float16",
        "BFloat16Storage" => "bfloat16",
        "LongStorage" => "int64",
        "IntStorage" => "int32",
        "ShortStorage" => "int16",
        "CharStorage" => "int8",
        "ByteStorage" => "uint8",
        "BoolStorage" => "bool",
        "ComplexFloatStorage" => "complex64",
        "ComplexDoubleStorage" => "complex128",
        other => other,
    }
    .to_owned()
}

/// Returns the bytes of an element of a storage class.
fn element_size(storage: &str) -> usize {
    match storage {
        "ComplexDoubleStorage" => 16,
        "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => 8,
        "FloatStorage" | "IntStorage" | "QInt32Storage" => 4,
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
        _ => 1,
    }
}

fn dtype(name: &str) -> Option<DType> {
    Some(match name {
        "float64" => DType::F64,
        "float32" => DType::F32,
        "float16" => DType::F16,
        "bfloat16" => DType::BF16,
        "int64" => DType::I64,
        "int32" => DType::I32,
        "int16" => DType::I16,
        "int8" => DType::I8,
        "uint64" => DType::U64,
        "uint32" => DType::U32,
        "uint16" => DType::U16,
        "uint8" => DType::U8,
        "bool" => DType::Bool(BoolStore::Native),
        _ => return None,
    })
}

/// The stack machine that a pickle is a program of.
struct Machine {
    pickle: Pickle,
    stack: Vec<Id>,
    /// The heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine {
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
