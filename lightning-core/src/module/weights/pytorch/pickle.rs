//! The pickle of a PyTorch file, as far as it names tensors.
//!
//! Burn's reader refuses a file with one tensor that it cannot represent. This one leaves such a
//! tensor out and names its type. No code is run: a call is either one of those that rebuild a
//! tensor, or kept as a name.
//!
//! Objects live in an arena and refer to each other by index, as CPython's memo does, so that a
//! pickle that refers to one object a million times is no larger in memory than in the file.

mod machine;
mod types;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead, ErrorKind},
};

use burn::tensor::DType;

use self::{
    machine::Machine,
    types::{dtype, element_size, element_type},
};

/// The deepest nesting of containers, and the largest number of places in all of them.
const DEEPEST: usize = 200;
const MOST_PLACES: usize = 10_000_000;

/// The largest number of objects in the arguments of a call that are looked at.
const MOST_ARGUMENTS: usize = 10_000;

/// The most bytes of a tensor, which is Burn's limit.
const LARGEST_TENSOR: u64 = 10 << 30;

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
        Machine::default().run(input)
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
