//! `ovsns exec`, `ovsns shell`, `ovsns exec --all`, with real namespaces.

#![allow(clippy::unwrap_used)] // clippy.toml spares #[test] functions alone

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use common::pid::wait_for_end;
use common::sandbox;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const NONE: Option<&str> = None;

/// Runs `test` in namespaces of its own, with an `/etc` of the few files that programs look into.
fn with_etc(test: impl FnOnce() + Send + 'static) {
    sandbox::run_blocking(|| {
        own_etc();
        test();
    });
}

/// Makes the named network namespace.
fn add_netns(name: &str) {
    assert!(Command::new("ip").args(["netns", "add", name]).status().unwrap().success(), "ip netns add {name}");
}

fn own_etc() {
    let etc = Path::new("/run/etc");
    fs::create_dir(etc).unwrap();
    for (file, text) in [
        ("passwd", "root:x:0:0::/root:/bin/bash\nplain:x:4242:4343::/home/plain:/bin/sh\n"),
        ("group", "root:x:0:\nplain:x:4343:\nsecond:x:4444:plain\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
        ("hosts", "127.0.0.1 localhost\n"),
        ("resolv.conf", "nameserver 192.0.2.1\n"),
    ] {
        fs::write(etc.join(file), text).unwrap();
    }
    fs::create_dir_all(etc.join("netns")).unwrap();
    fs::create_dir_all(etc.join("folder.d")).unwrap();
    mount(Some(etc), "/etc", NONE, MsFlags::MS_BIND, NONE).unwrap();
}

fn ovsns(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovsns"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    ovsns(arguments).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = output(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn code_and_stderr(arguments: &[&str]) -> (Option<i32>, String) {
    let output = output(arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

/// The first line that a running command prints.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
fn the_exit_status_is_the_commands() {
    with_etc(|| {
        add_netns("ns1");
        assert_eq!(output(&["exec", "ns1", "--", "true"]).status.code(), Some(0));
        assert_eq!(output(&["exec", "ns1", "--", "sh", "-c", "exit 42"]).status.code(), Some(42));
        assert_eq!(output(&["exec", "ns1", "--", "sh", "-c", "kill -USR1 $$"]).status.signal(), Some(10));
    });
}

#[test]
fn signals_reach_the_command() {
    with_etc(|| {
        add_netns("ns1");
        let script = "trap 'exit 7' TERM; echo ready; while :; do read -r _; done";
        let mut child = ovsns(&["exec", "ns1", "--", "bash", "-c", script]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(first_line(&mut child), "ready\n");
        signal(&child, Signal::SIGTERM);
        let input = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(7));
        drop(input);
        // Nor does the command start with signals ignored or blocked that were not so before.
        let masks = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"];
        let direct = Command::new(masks[0]).args(&masks[1..]).output().unwrap().stdout;
        assert_eq!(stdout(&[&["exec", "ns1", "--"], &masks[..]].concat()).into_bytes(), direct);
    });
}

#[test]
fn it_runs_in_the_namespace_with_its_sysfs() {
    with_etc(|| {
        add_netns("ns1");
        let link = ["link", "add", "inside0", "netns", "ns1", "type", "veth", "peer", "name", "outside0"];
        assert!(Command::new("ip").args(link).status().unwrap().success());
        let links = stdout(&["exec", "ns1", "--", "ls", "/sys/class/net"]);
        assert!(links.contains("inside0") && !links.contains("outside0"), "{links}");
        let namespace = stdout(&["exec", "ns1", "--", "stat", "-Lc", "%i", "/proc/self/ns/net", "/run/netns/ns1"]);
        let inodes: Vec<_> = namespace.lines().collect();
        assert_eq!(inodes[0], inodes[1]);
        assert_eq!(stdout(&["exec", "ns1", "--", "printenv", "OVSNS_NETNS"]), "ns1\n");
    });
}

#[test]
fn a_read_only_sysfs_stays_read_only() {
    with_etc(|| {
        add_netns("ns1");
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        let write = ["exec", "ns1", "--", "sh", "-c", "echo x > /sys/class/net/lo/ifalias"];
        assert_eq!(output(&write).status.code(), Some(0));
        mount(NONE, "/sys", NONE, flags, NONE).unwrap();
        let (code, stderr) = code_and_stderr(&write);
        assert!(code != Some(0) && stderr.contains("Read-only file system"), "{code:?} {stderr}");
    });
}

#[test]
fn files_and_folders_of_etc_netns_cover_those_of_etc() {
    with_etc(|| {
        for name in ["ns1", "ns2"] {
            add_netns(name);
        }
        fs::create_dir_all("/etc/netns/ns1/folder.d").unwrap();
        fs::write("/etc/netns/ns1/resolv.conf", "nameserver 192.0.2.99\n").unwrap();
        fs::write("/etc/netns/ns1/hosts", "192.0.2.7 seven\n").unwrap();
        fs::write("/etc/netns/ns1/folder.d/inside", "").unwrap();
        let command = ["--", "cat", "/etc/resolv.conf", "/etc/hosts"];
        assert_eq!(stdout(&[&["exec", "ns1"], &command[..]].concat()), "nameserver 192.0.2.99\n192.0.2.7 seven\n");
        assert_eq!(stdout(&["exec", "ns1", "--", "getent", "hosts", "seven"]), "192.0.2.7       seven\n");
        assert_eq!(stdout(&["exec", "ns1", "--", "ls", "/etc/folder.d"]), "inside\n");
        // Neither the namespace beside it nor we ourselves see them.
        assert_eq!(stdout(&[&["exec", "ns2"], &command[..]].concat()), "nameserver 192.0.2.1\n127.0.0.1 localhost\n");
        assert_eq!(fs::read_to_string("/etc/hosts").unwrap(), "127.0.0.1 localhost\n");
    });
}

#[test]
fn a_file_with_nothing_to_cover_is_a_warning() {
    with_etc(|| {
        add_netns("ns1");
        fs::create_dir_all("/etc/netns/ns1").unwrap();
        fs::write("/etc/netns/ns1/nothing-such", "").unwrap();
        let output = output(&["exec", "ns1", "--", "true"]);
        let talk = [output.stdout, output.stderr].concat();
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&talk).contains("/etc/netns/ns1/nothing-such"), "{talk:?}");
    });
}

#[test]
fn a_path_is_a_namespace_without_files_of_its_own() {
    with_etc(|| {
        add_netns("ns1");
        fs::create_dir_all("/etc/netns/ns1").unwrap();
        fs::write("/etc/netns/ns1/hosts", "192.0.2.7 seven\n").unwrap();
        let mut holder = ovsns(&["exec", "ns1", "--", "sh", "-c", "echo in; read _"]);
        let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(first_line(&mut holder), "in\n");
        let path = format!("path:/proc/{}/ns/net", holder.id());
        let inode = stdout(&["exec", &path, "--", "stat", "-Lc", "%i", "/proc/self/ns/net"]);
        assert_eq!(inode, stdout(&["exec", "ns1", "--", "stat", "-Lc", "%i", "/proc/self/ns/net"]));
        assert_eq!(stdout(&["exec", &path, "--", "cat", "/etc/hosts"]), "127.0.0.1 localhost\n");
        drop(holder.stdin.take());
        holder.wait().unwrap();
    });
}

#[test]
fn root_is_dropped_with_all_its_groups() {
    with_etc(|| {
        add_netns("ns1");
        let show = "id -u; id -ru; id -g; id -G; echo $HOME $USER $LOGNAME $SHELL; grep -E 'Cap(Prm|Eff|Amb)' /proc/self/status";
        let none = "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n";
        let as_user = |user| stdout(&["exec", "--user", user, "ns1", "--", "sh", "-c", show]);
        let plain = format!("4242\n4242\n4343\n4343 4444\n/home/plain plain plain /bin/sh\n{none}");
        assert_eq!(as_user("plain"), plain);
        assert_eq!(as_user("4242"), plain);
        assert_eq!(as_user("plain:4444"), plain.replace("\n4343\n4343 4444\n", "\n4444\n4444\n"));
        assert_eq!(as_user("5555:5556"), format!("5555\n5555\n5556\n5556\n/ 5555 5555 /bin/sh\n{none}"));
    });
}

#[test]
fn a_bad_user_is_refused_before_anything_happens() {
    with_etc(|| {
        for (user, message) in
            [("nobody-such", "no user \"nobody-such\""), ("plain:nosuch", "no group \"nosuch\""), ("5555", "5555:GID")]
        {
            let (code, stderr) = code_and_stderr(&["exec", "--user", user, "no-such-netns", "--", "true"]);
            assert!(code == Some(1) && stderr.contains(message), "{user}: {code:?} {stderr}");
        }
    });
}

#[test]
fn a_command_that_cannot_run_says_why() {
    with_etc(|| {
        add_netns("ns1");
        fs::write("/run/script", "#!/no/such/interpreter\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions("/run/script", mode).unwrap();
        for (command, code, message) in [
            ("no-such-command", 127, "no-such-command: command not found"),
            ("/no/such/path", 127, "/no/such/path: command not found"),
            ("/etc/passwd", 126, "/etc/passwd: cannot be executed"),
            ("/etc", 126, "/etc: cannot be executed"),
            ("/run/script", 127, "/run/script: the interpreter"),
        ] {
            let (status, stderr) = code_and_stderr(&["exec", "ns1", "--", command]);
            assert!(status == Some(code) && stderr.contains(message), "{command}: {status:?} {stderr}");
        }
    });
}

#[test]
fn what_is_no_namespace_is_refused() {
    with_etc(|| {
        add_netns("ns1");
        fs::write("/run/netns/stale", "").unwrap();
        for (target, message) in [
            ("nosuch", "no network namespace at /run/netns/nosuch"),
            ("stale", "/run/netns/stale is not a network namespace"),
            ("path:/proc/self/ns/mnt", "/proc/self/ns/mnt is not a network namespace"),
            ("path:/proc/4194304/ns/net", "no network namespace at /proc/4194304/ns/net"),
        ] {
            let (status, stderr) = code_and_stderr(&["exec", target, "--", "true"]);
            assert!(status == Some(1) && stderr.contains(message), "{target}: {status:?} {stderr}");
        }
    });
}

#[test]
fn without_root_the_capability_is_named() {
    with_etc(|| {
        add_netns("ns1");
        let mut without = Command::new("setpriv");
        without.args([
            "--bounding-set=-sys_admin",
            "--inh-caps=-sys_admin",
            env!("CARGO_BIN_EXE_ovsns"),
            "exec",
            "ns1",
            "--",
            "true",
        ]);
        let output = without.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && stderr.contains("CAP_SYS_ADMIN"), "{stderr}");
    });
}

/// Runs `ovsns shell` on a terminal, gives it `input`, and returns all that the terminal showed.
fn on_terminal(arguments: &str, shell: &str, input: &str) -> String {
    let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_ovsns"));
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).env("SHELL", shell).env("TERM", "dumb").env("HOME", "/run");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), input.as_bytes()).unwrap();
    let mut shown = String::new();
    child.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    child.wait().unwrap();
    shown
}

#[test]
fn the_shells_prompt_names_the_namespace() {
    with_etc(|| {
        add_netns("ns1");
        fs::write("/run/.bashrc", "PS1='mine> '; echo from bashrc\n").unwrap();
        let bash =
            on_terminal("shell ns1", "/bin/bash", "echo $OVSNS_NETNS; ls -l /proc/self/fd | grep -c memfd; exit\n");
        assert!(bash.contains("from bashrc") && bash.contains("[ns1] mine> "), "{bash}");
        assert!(bash.contains("\nns1\r\n") && bash.contains("\n0\r\n"), "{bash}");
        let dash = on_terminal("shell ns1", "/bin/dash", "exit\n");
        assert!(dash.contains("[ns1] $ "), "{dash}");
    });
}

#[test]
fn a_users_shell_is_the_users_own() {
    with_etc(|| {
        add_netns("ns1");
        let shown = on_terminal("shell --user plain ns1", "/bin/bash", "id -u; echo shell=$0; exit\n");
        assert!(shown.contains("4242\r\n") && shown.contains("shell=/bin/sh"), "{shown}");
    });
}

#[test]
fn a_namespace_cannot_run_code_through_the_prompt() {
    with_etc(|| {
        add_netns("$(>owned)");
        for shell in ["/bin/bash", "/bin/dash"] {
            let shown = on_terminal("shell '$(>owned)'", shell, "cd /run; :; pwd; ls; exit\n");
            assert!(shown.contains("[$(>owned)]"), "{shown}");
            assert!(!fs::exists("/run/owned").unwrap(), "{shown}");
        }
    });
}

#[test]
fn all_prefixes_each_line_and_keeps_the_streams_apart() {
    with_etc(|| {
        for name in ["ns1", "ns2", "ns3"] {
            add_netns(name);
        }
        let script = "printf 'out %s\\n\\377\\376' $OVSNS_NETNS; echo err >&2";
        let output = output(&["exec", "--all", "--", "sh", "-c", script]);
        assert_eq!(output.status.code(), Some(0));
        let sorted = |bytes: &[u8]| {
            let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            lines.sort();
            lines.concat()
        };
        let expected: Vec<u8> = ["1", "2", "3"]
            .iter()
            .flat_map(|n| [format!("ns{n}| out ns{n}\nns{n}| ").as_bytes(), b"\xff\xfe\n"].concat())
            .collect();
        assert_eq!(sorted(&output.stdout), expected);
        assert_eq!(sorted(&output.stderr), b"ns1| err\nns2| err\nns3| err\n");
    });
}

#[test]
fn all_never_mixes_lines() {
    with_etc(|| {
        for name in ["ns1", "ns2", "ns3", "ns4"] {
            add_netns(name);
        }
        let script = "i=0; while [ $i -lt 300 ]; do printf %s aaaa; printf '%s\\n' bbbb; i=$((i+1)); done";
        let text = stdout(&["exec", "--all", "--", "sh", "-c", script]);
        assert_eq!(text.lines().count(), 1200);
        assert!(text.lines().all(|line| line.starts_with("ns") && line[3..] == *"| aaaabbbb"), "{text}");
    });
}

#[test]
fn all_drops_root_and_sees_each_namespace() {
    with_etc(|| {
        for name in ["ns1", "ns2"] {
            add_netns(name);
        }
        fs::create_dir_all("/etc/netns/ns2").unwrap();
        fs::write("/etc/netns/ns2/hosts", "192.0.2.2 two\n").unwrap();
        let text =
            stdout(&["exec", "--user", "plain", "--all", "--", "sh", "-c", "echo $(id -u) $(id -G) $(cat /etc/hosts)"]);
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["ns1| 4242 4343 4444 127.0.0.1 localhost", "ns2| 4242 4343 4444 192.0.2.2 two"]);
    });
}

#[test]
fn all_answers_with_the_largest_status() {
    with_etc(|| {
        for name in ["ns1", "ns2", "ns3"] {
            add_netns(name);
        }
        assert_eq!(output(&["exec", "--all", "--", "sh", "-c", "exit ${OVSNS_NETNS#ns}"]).status.code(), Some(3));
        let (code, stderr) = code_and_stderr(&["exec", "--all", "--", "no-such-command"]);
        assert!(
            code == Some(127) && stderr.matches("no-such-command: command not found").count() == 3,
            "{code:?} {stderr}"
        );
    });
}

#[test]
fn a_signal_goes_on_to_all_and_reaches_grandchildren() {
    with_etc(|| {
        for name in ["ns1", "ns2"] {
            add_netns(name);
        }
        let mut child = ovsns(&["exec", "--all", "--", "sh", "-c", "sleep 1000 & echo $!; wait"]);
        let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let sleepers: Vec<String> = (0..2).map(|_| lines.next().unwrap().unwrap()).collect();
        signal(&child, Signal::SIGTERM);
        assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
        assert!(lines.next().is_none());
        for sleeper in sleepers {
            wait_for_end(sleeper.split("| ").nth(1).unwrap().parse().unwrap());
        }
    });
}

#[test]
fn a_reader_that_leaves_ends_all() {
    with_etc(|| {
        for name in ["ns1", "ns2"] {
            add_netns(name);
        }
        let mut child =
            ovsns(&["exec", "--all", "--", "yes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        assert!(first_line(&mut child).ends_with("| y\n"));
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && stderr.contains("cannot write the output"), "{stderr}");
    });
}

#[test]
fn a_daemon_left_behind_does_not_hold_all() {
    with_etc(|| {
        add_netns("ns1");
        let script = "sleep 1000 & echo $!; printf half";
        let text = stdout(&["exec", "--all", "--", "sh", "-c", script]);
        let pid = text.lines().next().unwrap().strip_prefix("ns1| ").unwrap().parse().unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        assert!(text.ends_with("ns1| half\n"), "{text}");
    });
}
