//! Weights in files of their own: saved, and loaded whole, in part, or under other names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use burn::{module::ParamId, tensor::TensorData};

use super::{
    restore::StoredValues,
    traits::{LightningImpl, LightningStruct},
};
use crate::{
    checkpoint::{
        collect::Tensors,
        container::{self, Container},
        names,
    },
    error::{Error, ErrorKind, Result},
    os::files,
    params::{BufferVisitor, DynMapper, ErasedVisitor, FieldKey, FloatParam, MapMode, visit},
    tensor::handle::Handle,
};

/// ConfigErrors listed in one error; the rest are counted.
const SHOWN_PROBLEMS: usize = 8;

/// How the tensors of a file are laid out and called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// As Burn has them.
    Burn,
    /// As PyTorch has them: linear weights transposed, norms with `weight` and `bias`.
    #[cfg(feature = "pytorch")]
    PyTorch,
}

/// Weights in a file, and where they go in a module `M`.
///
/// ```no_run
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// # use lightning_core::{Weights, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[frozen]
/// #     #[init(LinearConfig::new(4, 8).init(device))]
/// #     backbone: Linear,
/// #     #[init(LinearConfig::new(8, 1).init(device))]
/// #     head: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.head.forward(self.backbone.forward(batch)).mean()
/// #     }
/// # }
/// let mut model = Net::new(NetHparams::default());
/// // A pretrained backbone without its classifier.
/// let report = model.load_weights(Weights::pytorch("resnet.pt").at(Net::BACKBONE).skip("fc.*"))?;
/// println!("{report}");
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct Weights<M> {
    path: PathBuf,
    layout: Layout,
    #[cfg(feature = "pytorch")]
    key: Option<String>,
    at: Option<&'static str>,
    below: Option<String>,
    skip: Vec<String>,
    rename: Vec<(String, String)>,
    module: PhantomData<fn() -> M>,
}

impl<M> fmt::Debug for Weights<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weights").field("path", &self.path).field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl<M> Weights<M> {
    fn new(path: impl AsRef<Path>, layout: Layout) -> Self {
        Self {
            path: path.as_ref().to_path_buf(),
            layout,
            #[cfg(feature = "pytorch")]
            key: None,
            at: None,
            below: None,
            skip: Vec::new(),
            rename: Vec::new(),
            module: PhantomData,
        }
    }

    /// A safetensors file in Burn's layout: what [`save_weights`](crate::LightningModule::save_weights) wrote, or a checkpoint, of which the
    /// model is taken.
    pub fn safetensors(path: impl AsRef<Path>) -> Self {
        Self::new(path, Layout::Burn)
    }

    /// A file of PyTorch: `.pt`, `.pth` or `.bin` with a state dict, or `.safetensors`. Linear weights are transposed, the weights and
    /// biases of norms get Burn's names, and layers of a `Sequential` are counted without the ones that have no parameters.
    /// No code in the file is run.
    #[cfg(feature = "pytorch")]
    pub fn pytorch(path: impl AsRef<Path>) -> Self {
        Self::new(path, Layout::PyTorch)
    }

    /// The key of a PyTorch file under which the state dict is, as in `{"epoch": 3, "state_dict": {…}}`.
    #[cfg(feature = "pytorch")]
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The field whose weights these are, rather than the whole module's.
    #[must_use]
    pub fn at(mut self, field: FieldKey<M>) -> Self {
        self.at = Some(field.name());
        self
    }

    /// Takes only the tensors of the file below this name, which is cut off: `below("module.encoder")`.
    #[must_use]
    pub fn below(mut self, name: impl Into<String>) -> Self {
        self.below = Some(name.into());
        self
    }

    /// Leaves out tensors of the file by their names, where `*` stands for anything: `skip("fc.*")`.
    #[must_use]
    pub fn skip(mut self, pattern: impl Into<String>) -> Self {
        self.skip.push(pattern.into());
        self
    }

    /// Calls the tensors of the file whose names begin with `from` by names that begin with `to` instead.
    #[must_use]
    pub fn rename(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.rename.push((from.into(), to.into()));
        self
    }
}

/// What became of the weights of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WeightsReport {
    /// Parameters and buffers of the module that were given values.
    pub applied: Vec<String>,
    /// Tensors of the file that were not asked for.
    pub skipped: Vec<String>,
    /// Parameters of the module, or of the field, for which the file has nothing.
    pub missing: Vec<String>,
    /// Tensors of the file that have no place in the module.
    pub unused: Vec<String>,
}

impl fmt::Display for WeightsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { applied, skipped, missing, unused } = self;
        write!(f, "{} tensors applied", applied.len())?;
        for (what, names) in [("skipped", skipped), ("missing in the file", missing), ("without a place", unused)] {
            if !names.is_empty() {
                write!(f, "\n  {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}

/// The tensors of a file by the names that they go by, with the names that they have in it.
struct Stored {
    container: StoredIn,
    names: BTreeMap<String, String>,
    skipped: Vec<String>,
}

enum StoredIn {
    Container(Container),
    #[cfg(feature = "pytorch")]
    PyTorch(BTreeMap<String, burn_pack::Tensor>),
}

impl StoredIn {
    fn open<M>(weights: &Weights<M>) -> Result<(Self, Vec<String>)> {
        let Weights { path, .. } = weights;
        #[cfg(feature = "pytorch")]
        if weights.layout == Layout::PyTorch && path.extension().is_none_or(|extension| extension != "safetensors") {
            return Self::open_pytorch(weights);
        }
        let container = Container::open(path)?;
        container.verify()?;
        #[cfg(feature = "pytorch")]
        if weights.layout == Layout::PyTorch {
            return Self::read_pytorch(&container);
        }
        let names = container.tensors().map(|(name, _)| name).collect();
        Ok((Self::Container(container), names))
    }

    #[cfg(feature = "pytorch")]
    fn open_pytorch<M>(weights: &Weights<M>) -> Result<(Self, Vec<String>)> {
        use burn_store::{ModuleStore as _, PytorchStore};

        let Weights { path, key, .. } = weights;
        // What is no file at all is told in the words of the system.
        std::fs::metadata(path).map_err(|error| Error::io("read the weights", path, error))?;
        let mut store = PytorchStore::from_file(path);
        if let Some(key) = key {
            store = store.with_top_level_key(key);
        }
        let read = crate::os::panics::catch_panic(|| {
            store
                .get_all_tensors()
                .cloned()
                .map_err(|error| Error::checkpoint(path, "the file cannot be read as one of PyTorch").caused_by(error))
        });
        let tensors = read.map_err(|error| {
            error
                .at_path(path)
                .help("name the state dict's key with `.key(\"state_dict\")`, or save `model.state_dict()` alone")
        })?;
        let names = tensors.keys().cloned().collect();
        Ok((Self::PyTorch(tensors), names))
    }

    /// A safetensors file of PyTorch, its layers counted as in one of its own files.
    #[cfg(feature = "pytorch")]
    fn read_pytorch(container: &Container) -> Result<(Self, Vec<String>)> {
        let mut tensors = Vec::new();
        for (name, _) in container.tensors() {
            if let Some(data) = container.read(&name)? {
                tensors.push(burn_store::bridge::from_data(data, name, None));
            }
        }
        let (tensors, _) = burn_store::map_indices_contiguous(tensors);
        let tensors: BTreeMap<_, _> = tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        let names = tensors.keys().cloned().collect();
        Ok((Self::PyTorch(tensors), names))
    }

    fn read(&self, name: &str, path: &Path) -> Result<TensorData> {
        let gone = || Error::checkpoint(path, format!("the tensor `{name}` cannot be read"));
        match self {
            Self::Container(container) => container.read(name)?.ok_or_else(gone),
            #[cfg(feature = "pytorch")]
            Self::PyTorch(tensors) => {
                let tensor = tensors.get(name).ok_or_else(gone)?;
                burn_store::bridge::to_data(tensor).map_err(|error| gone().caused_by(error))
            }
        }
    }
}

impl Stored {
    fn open<M>(weights: &Weights<M>) -> Result<Self> {
        let (container, all) = StoredIn::open(weights)?;
        let below = match (&weights.below, &container) {
            (Some(below), _) => Some(below.clone()),
            // A checkpoint: the rest of it is no weights.
            (None, StoredIn::Container(container)) if container.text().is_some() => {
                Some(names::MODEL.trim_end_matches('.').to_owned())
            }
            _ => None,
        };
        let mut names = BTreeMap::new();
        let mut skipped = Vec::new();
        for stored in all {
            let short = below.as_ref().map_or(Some(&*stored), |below| cut(&stored, below));
            let Some(short) = short.filter(|short| !weights.skip.iter().any(|pattern| is_match(pattern, short))) else {
                skipped.push(stored);
                continue;
            };
            let mut name = short.to_owned();
            for (from, to) in &weights.rename {
                if let Some(rest) = name.strip_prefix(from.as_str()) {
                    name = format!("{to}{rest}");
                }
            }
            names.insert(name, stored);
        }
        Ok(Self { container, names, skipped })
    }
}

/// What is left of a name below another; nothing of the name itself.
fn cut<'a>(name: &'a str, below: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(below)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

/// Whether a name is one that a pattern with `*` stands for.
fn is_match(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Finds a stored tensor for every place that a module has.
struct Matching<'a> {
    path: &'a Path,
    layout: Layout,
    at: Option<&'static str>,
    stored: &'a Stored,
    /// The module types around the parameter being looked at.
    containers: Vec<String>,
    used: BTreeSet<String>,
    found: BTreeMap<String, TensorData>,
    missing: Vec<String>,
    problems: Vec<String>,
    failed: Option<Error>,
}

impl Matching<'_> {
    fn look(&mut self, path: &str, dims: &[usize]) {
        let name = match self.at {
            None => path,
            Some(at) => match cut(path, at) {
                Some(name) => name,
                None => return,
            },
        };
        let Some((name, stored)) =
            self.candidates(name).find_map(|name| Some((name.clone(), self.stored.names.get(&name)?)))
        else {
            self.missing.push(path.to_owned());
            return;
        };
        let data = self.stored.container.read(stored, self.path).and_then(|data| self.adapt(path, data));
        let data = match data {
            Ok(data) => data,
            Err(error) => {
                self.failed.get_or_insert(error);
                return;
            }
        };
        self.used.insert(name);
        if data.shape().as_slice() == dims {
            self.found.insert(path.to_owned(), data);
        } else {
            let shape = data.shape();
            self.problems.push(format!("`{stored}` has shape {:?}, and `{path}` has {dims:?}", shape.as_slice()));
        }
    }

    /// The names under which a parameter may be stored.
    fn candidates(&self, name: &str) -> impl Iterator<Item = String> + use<> {
        #[allow(unused_mut, reason = "there is a second one with PyTorch")]
        let mut names = vec![name.to_owned()];
        #[cfg(feature = "pytorch")]
        if self.layout == Layout::PyTorch {
            use burn_store::{ModuleAdapter as _, ModuleContext, PyTorchToBurnAdapter};

            let (parent, own) = name.rsplit_once('.').map_or(("", name), |(parent, own)| (parent, own));
            let module = ModuleContext::new(&self.containers).module_type().unwrap_or_default();
            if let Some(other) = PyTorchToBurnAdapter.get_alternative_param_name(own, module) {
                names.push(if parent.is_empty() { other } else { format!("{parent}.{other}") });
            }
        }
        names.into_iter()
    }

    /// The tensor as Burn has it.
    fn adapt(&self, path: &str, data: TensorData) -> Result<TensorData> {
        match self.layout {
            Layout::Burn => {
                let _ = path;
                Ok(data)
            }
            #[cfg(feature = "pytorch")]
            Layout::PyTorch => {
                use burn_store::{ModuleAdapter as _, ModuleContext, PyTorchToBurnAdapter, bridge};

                let tensor = bridge::from_data(data, path.to_owned(), None);
                let tensor = PyTorchToBurnAdapter.adapt(tensor, ModuleContext::new(&self.containers));
                bridge::into_data(tensor).map_err(|error| {
                    Error::checkpoint(self.path, format!("the tensor of `{path}` cannot be converted")).caused_by(error)
                })
            }
        }
    }
}

impl ErasedVisitor for Matching<'_> {
    fn enter(&mut self, _path: &str, container: &str) {
        self.containers.push(container.to_owned());
    }

    fn exit(&mut self) {
        self.containers.pop();
    }

    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        self.look(path, &param.dims());
        Ok(())
    }

    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        self.look(path, &handle().dims());
        Ok(())
    }
}

impl BufferVisitor for Matching<'_> {
    fn buffer(&mut self, name: &str, dims: &[usize], _data: &dyn Fn() -> Result<TensorData>) {
        self.look(name, dims);
    }
}

/// Writes the parameters, running statistics and buffers of a module.
pub(crate) fn save<M: LightningStruct + LightningImpl>(module: &M, path: &Path) -> Result<()> {
    let mut tensors = Tensors::default();
    crate::module::erased::ErasedModule::tensors(module, &mut tensors)?;
    let tensors = tensors.read()?;
    if let Some(folder) = path.parent() {
        files::create_folder(folder)?;
    }
    let bytes = tensors.iter().map(container::Stored::len).sum();
    files::write_atomic_head_last(path, bytes, |writer| container::write(writer, tensors, None))
}

/// Gives a module the weights of a file; it stays as it is when anything does not fit.
pub(crate) fn load<M: LightningStruct + LightningImpl>(module: &mut M, weights: &Weights<M>) -> Result<WeightsReport> {
    let path = &*weights.path;
    let stored = Stored::open(weights)?;
    let mut matching = Matching {
        path,
        layout: weights.layout,
        at: weights.at,
        stored: &stored,
        containers: Vec::new(),
        used: BTreeSet::new(),
        found: BTreeMap::new(),
        missing: Vec::new(),
        problems: Vec::new(),
        failed: None,
    };
    visit(module, &mut matching)?;
    module.visit_buffers(&mut matching);
    let Matching { used, found, missing, problems, failed, .. } = matching;
    if let Some(error) = failed {
        return Err(error);
    }
    if !problems.is_empty() {
        return Err(misfit(path, problems));
    }
    let unused: Vec<String> =
        stored.names.iter().filter(|(name, _)| !used.contains(*name)).map(|(_, stored)| stored.clone()).collect();
    let report = WeightsReport { applied: found.keys().cloned().collect(), skipped: stored.skipped, missing, unused };
    if report.applied.is_empty() {
        return Err(nothing_applied(M::NAME, path, &report));
    }
    let mut values = StoredValues::as_declared(found);
    let mut changed = module.clone();
    LightningStruct::map_buffers(&mut changed, &mut values)?;
    *module = changed.map(&mut DynMapper::new(MapMode::Values(&mut values)));
    Ok(report)
}

fn misfit(path: &Path, problems: Vec<String>) -> Error {
    let mut text = "the weights do not fit the model:".to_owned();
    let hidden = problems.len().saturating_sub(SHOWN_PROBLEMS);
    for problem in problems.into_iter().take(SHOWN_PROBLEMS) {
        text.push_str(&format!("\n  - {problem}"));
    }
    if hidden > 0 {
        text.push_str(&format!("\n  - and {hidden} more"));
    }
    Error::checkpoint(path, text)
        .help("leave them out with `.skip(\"name.*\")`, or build the model with the shapes of the file")
}

fn nothing_applied(module: &str, path: &Path, report: &WeightsReport) -> Error {
    let some = |names: &[String]| {
        let shown: Vec<String> = names.iter().take(SHOWN_PROBLEMS).map(|name| format!("`{name}`")).collect();
        if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
    };
    let WeightsReport { skipped, missing, unused, .. } = report;
    let left = if unused.is_empty() { some(skipped) } else { some(unused) };
    Error::new(ErrorKind::Checkpoint, format!("no tensor of the file has a place in `{module}`"))
        .at_path(path)
        .help(format!(
            "the model looks for {}; the file has {left}: bring them together with `.at(FIELD)`, `.below(\"name\")` or `.rename(from, to)`",
            some(missing)
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name) in
            [("fc.*", "fc.weight"), ("*", ""), ("*.bias", "a.b.bias"), ("a*c*e", "abcde"), ("fc", "fc")]
        {
            assert!(is_match(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("fc.*", "fc1.weight"), ("fc", "fc.weight"), ("a*c*e", "abde"), ("*ab", "a"), ("ab*b", "ab")]
        {
            assert!(!is_match(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn names_below_a_name() {
        assert_eq!(cut("a.b.c", "a.b"), Some("c"));
        assert_eq!(cut("a.b", "a.b"), Some(""));
        assert_eq!(cut("a.bc", "a.b"), None);
    }
}
