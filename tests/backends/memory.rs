//! The fake: what the others can make, it can pretend to.

use std::sync::Arc;

use ovsns::backend::memory::Memory;
use ovsns::backend::{Backend, BackendSet};

use super::fixture::{Failing, Fixture};
use super::{kernel, linux, nft, ovs};

pub fn fixture() -> Fixture {
    let memory = Arc::new(Memory::default());
    let backend: Arc<dyn Backend> = memory.clone();
    let mut specimens = kernel::specimens();
    specimens.extend(linux::specimens());
    specimens.extend(ovs::specimens());
    specimens.extend(nft::specimens());
    let missing = kernel::pair(("host", "veth1"), ("nowhere", "e1"));
    let wanted = vec![kernel::netns("n5"), missing, kernel::netns("n6")];
    Fixture {
        set: BackendSet::new(vec![backend.clone()]),
        backend,
        specimens,
        theirs: Box::new(move |like| memory.state().get(&like.key()).cloned()),
        is_strict: true,
        world: ovs::world(),
        failing: vec![Failing { below: Vec::new(), wanted }],
        hundred: ovs::hundred(),
        switch: linux::switch,
        port: linux::port,
        ovs: None,
    }
}
