//! Ranks whose CUDA devices NCCL connects.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor};

use super::{
    agreement::{self, of_all},
    ffi::{Communicator, Gpu},
};
use crate::{
    distributed::{Collective, DeviceSum, Pending},
    error::{Error, ErrorKind, Result},
    os::panics::catch_panic,
};

/// Ranks that sum the gradients of CUDA devices by NCCL, without reading them.
///
/// Everything else goes over another collective, as a rule [`Mpi`](crate::distributed::Mpi). The
/// library `libnccl.so.2` is opened at run time; a build needs nothing of it. NCCL needs a GPU
/// of its own for each rank.
///
/// NCCL chooses the order in which it adds. All ranks get the same bits, and with two ranks these
/// are those of a sum on the host. With more, they can differ from it in the last bits, and from
/// run to run; where sums have to be in the order of the ranks they are made on the host.
///
/// **It has not run on hardware yet.** What is on the host is tested, and the calls of CUDA and
/// NCCL are type-checked against their interfaces, but nobody has seen them run. Compare the first
/// steps of a training with those of a run without it.
///
/// A trainer makes one by itself with [`Ddp::nccl`](crate::distributed::Ddp::nccl):
///
/// ```no_run
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{distributed::Ddp, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// # }
///
/// let trainer = Net::trainer().accelerator("cuda").devices(4).strategy(Ddp::new().nccl(true));
/// # let _ = trainer;
/// ```
#[derive(Debug)]
pub struct Nccl {
    control: Arc<dyn Collective>,
    sums: Sums,
}

#[derive(Debug)]
struct Sums {
    device: Device,
    communicator: Communicator,
}

impl Nccl {
    /// Connects the CUDA devices of all ranks; `device` is that of this rank. All ranks make the
    /// call, and all of them return an error if one does.
    ///
    /// # Errors
    /// If a rank has no CUDA device or no NCCL library, if two ranks have the same device, or if
    /// NCCL cannot connect them.
    pub fn new(control: Arc<dyn Collective>, device: &Device) -> Result<Self> {
        let opened = catch_panic(|| Gpu::open(device));
        let identities = of_all(&*control, opened.as_ref().map(Gpu::identity))?;
        if let Some(ranks) = agreement::same_gpu(&identities) {
            return Err(agreement::shared_gpu(ranks));
        }
        let gpu = opened?;
        let id = if control.rank() == 0 { catch_panic(Communicator::new_id) } else { Ok(Vec::new()) };
        let ids = of_all(&*control, id.as_ref().cloned())?;
        let id = ids.into_iter().next().unwrap_or_default();
        let connected = catch_panic(|| Communicator::connect(gpu, &id, control.rank(), control.world_size()));
        of_all(&*control, connected.as_ref().map(|_| Vec::new()))?;
        let sums = Sums { device: device.clone().without_autodiff(), communicator: connected? };
        Ok(Self { control, sums })
    }
}

impl DeviceSum for Sums {
    fn sum(&self, values: Tensor<1>) -> Result<Tensor<1>> {
        if !matches!(values.dtype(), DType::F32 | DType::F64) {
            let message = format!("NCCL sums gradients in F32 and F64, found {:?}", values.dtype());
            return Err(Error::new(ErrorKind::Device, message));
        }
        if values.dims() == [0] {
            return Ok(values);
        }
        catch_panic(|| self.communicator.sum(values))
    }
}

impl Collective for Nccl {
    fn name(&self) -> &str {
        self.control.name()
    }

    fn rank(&self) -> usize {
        self.control.rank()
    }

    fn world_size(&self) -> usize {
        self.control.world_size()
    }

    fn local_rank(&self) -> usize {
        self.control.local_rank()
    }

    fn local_size(&self) -> usize {
        self.control.local_size()
    }

    fn sum_f32(&self, values: &mut [f32]) -> Result<()> {
        self.control.sum_f32(values)
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<()> {
        self.control.sum_f64(values)
    }

    fn all_to_all_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()> {
        self.control.all_to_all_f32(from, to)
    }

    fn all_gather_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()> {
        self.control.all_gather_f32(from, to)
    }

    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.control.all_gather(bytes)
    }

    fn broadcast(&self, bytes: &mut Vec<u8>, root: usize) -> Result<()> {
        self.control.broadcast(bytes, root)
    }

    fn barrier(&self) -> Result<()> {
        self.control.barrier()
    }

    fn start_sum_f32(&self, values: Vec<f32>) -> Result<Box<dyn Pending>> {
        self.control.start_sum_f32(values)
    }

    fn device_sum(&self, device: &Device) -> Option<&dyn DeviceSum> {
        (self.sums.device == *device).then_some(&self.sums as &dyn DeviceSum)
    }

    fn abort(&self, code: i32) -> ! {
        self.control.abort(code)
    }
}
