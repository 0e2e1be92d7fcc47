//! Namespaces that are none.

use crate::common::{require, sandbox};
use crate::{Host, sh};

#[test]
fn that_are_there_or_not() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-ns ns1");
        host.refuses(1, "add-ns ns1", &["ns1", "it exists", "--may-exist"]);
        host.refuses(1, "del-ns ns2", &["there is no namespace ns2", "ovsns list-ns"]);
        host.refuses(127, "exec ns1 -- no-such-command", &["no-such-command"]);
        host.refuses(1, "exec ns2 -- true", &["ns2", "ovsns list-ns"]);
        host.ok("add-ns ns1 --may-exist\ndel-ns ns2 --if-exists");
    });
}

/// A crash or a reboot leaves such a file behind.
#[test]
fn that_are_a_stale_file() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux\nadd-ns ns1");
        std::fs::write("/run/netns/stale", "").unwrap();
        let says = ["/run/netns/stale", "ovsns del-ns stale"];
        host.refuses(1, "add-ns stale", &says);
        host.refuses(1, "add-ns stale --may-exist", &says);
        host.refuses(1, "add-port br0 stale", &says);
        host.refuses(1, "exec stale -- true", &["stale"]);
        assert_eq!(host.cli.ok(&["list-ns"]), "ns1\n");
        host.ok("del-ns stale");
        assert!(!std::path::Path::new("/run/netns/stale").exists());
        host.ok("add-port br0 stale");
    });
}

#[test]
fn that_are_no_process_and_no_path() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux");
        // beyond the highest process id (pid_max, proc(5))
        host.refuses(1, "add-port br0 pid:4194305", &["there is no namespace pid:4194305", "no such process"]);
        host.refuses(2, "add-port br0 pid:many", &["pid:many", "pid:1234"]);
        host.refuses(1, "add-port br0 path:/no/such", &["path:/no/such", "does not exist"]);
        host.refuses(1, "add-port br0 path:/etc/passwd", &["path:/etc/passwd", "no network namespace"]);
        host.refuses(1, "add-port br0 path:/proc/self/ns/mnt", &["/proc/self/ns/mnt", "no network namespace"]);
        host.refuses(2, "add-port br0 path:relative", &["path:relative", "not absolute"]);
        host.refuses(2, "add-port br0 eth:x", &["eth:x", "`pid:`, `path:`, `docker:`, `podman:`"]);
    });
}

/// A namespace with a name that ovsns does not give is passed over.
#[test]
fn of_names_that_nobody_would_give() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        sh("ip netns add white:space");
        assert_eq!(host.cli.ok(&["list-ns"]), "");
        host.ok("add-ns ns1\ndel-ns ns1");
    });
}
