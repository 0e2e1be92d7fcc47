//! Points 37 to 40: what ovs-vswitchd makes of it.

use super::*;

/// Commits operations and waits, without a monitor, until ovs-vswitchd has them in effect.
async fn commit_and_wait(client: &Client, mut operations: Vec<Operation>) {
    operations.push(Mutate::table_rows(DATABASE).with(Mutation::add("next_cfg", 1)).into());
    operations.push(Select::from_table(DATABASE).columns(["_uuid", "next_cfg", "cur_cfg"]).into());
    let results = transact(client, operations).await;
    let row = &results.last().unwrap().rows().unwrap()[0];
    let (uuid, wanted) = (row.row_uuid().unwrap(), row.one::<i64>("next_cfg").unwrap());
    let mut current: i64 = row.one("cur_cfg").unwrap();
    let deadline = Instant::now() + LIMIT;
    while current < wanted {
        let left = deadline.checked_duration_since(Instant::now()).expect("ovs-vswitchd is not done in time");
        let last = Row::new().with("cur_cfg", current);
        current = match client.wait_until_changed(DATABASE, DATABASE, uuid, &last, left).await.unwrap() {
            Awaited::Changed(row) => row.one("cur_cfg").unwrap(),
            other => panic!("{other:?}"),
        };
    }
}

async fn interface_row(client: &Client, name: &str) -> Row {
    let columns = ["name", "ofport", "error", "type"];
    let select = Select::from_table("Interface").filter(Condition::equal("name", name)).columns(columns);
    rows(client, select).await.remove(0)
}

async fn ofport(client: &Client, name: &str) -> Option<i64> {
    interface_row(client, name).await.optional("ofport").unwrap()
}

#[tokio::test]
async fn point_37_next_cfg_is_bumped_and_cur_cfg_waited_for() {
    let (server, client) = start().await;
    let _vswitchd = Vswitchd::start(&server);
    // Other calls go on while a commit is waited for.
    let ((), names) = tokio::join!(commit_and_wait(&client, add_bridge("br0")), client.list_dbs());
    assert_eq!(names.unwrap().len(), 2);
    assert_eq!(ofport(&client, "br0").await, Some(65534), "it is in effect");

    // Many at once, on one connection.
    let ports = (0..5).map(|number| {
        let add = add_port("br0", &format!("p{number}"), interface("internal"), port());
        commit_and_wait(&client, add)
    });
    join_all(ports).await;
    for number in 0..5 {
        assert!(ofport(&client, &format!("p{number}")).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn point_37_a_stopped_vswitchd_is_noticed_by_the_deadline() {
    let (server, client) = start().await;
    let vswitchd = Vswitchd::start(&server);
    commit_and_wait(&client, Vec::new()).await;
    vswitchd.process().signal("STOP");
    let row = &rows(&client, Select::from_table(DATABASE)).await[0];
    let last = Row::new().with("cur_cfg", row.one::<i64>("cur_cfg").unwrap());
    let bump = Mutate::table_rows(DATABASE).with(Mutation::add("next_cfg", 1));
    transact(&client, vec![bump.into()]).await;
    let (uuid, limit) = (row.row_uuid().unwrap(), Duration::from_millis(200));
    let awaited = client.wait_until_changed(DATABASE, DATABASE, uuid, &last, limit).await.unwrap();
    vswitchd.process().signal("CONT");
    assert_eq!(awaited, Awaited::Unchanged);
}

#[tokio::test]
async fn point_38_a_missing_device_does_not_fail_the_transaction() {
    let (server, client) = start().await;
    let _vswitchd = Vswitchd::start(&server);
    let add = [add_bridge("br0"), add_port("br0", "missing0", interface(""), port())].concat();
    commit_and_wait(&client, add).await;
    let row = interface_row(&client, "missing0").await;
    assert_eq!(row.optional::<i64>("ofport").unwrap(), Some(-1));
    let error = row.optional::<String>("error").unwrap().unwrap();
    assert_eq!(error, "could not open network device missing0 (No such device)");
}

#[tokio::test]
async fn point_39_a_bridge_has_a_port_of_its_own_and_names_have_rules() {
    let (server, client) = start().await;
    let vswitchd = Vswitchd::start(&server);
    commit_and_wait(&client, add_bridge("br0")).await;
    assert_eq!(ofport(&client, "br0").await, Some(65534));
    // A bridge without one is there, and has no device.
    let bare = Insert::into_table("Bridge").with("name", "bare").with("datapath_type", "netdev").named("b");
    let refer = Mutate::table_rows(DATABASE).with(Mutation::insert("bridges", Atom::NamedUuid("b".into())));
    commit_and_wait(&client, vec![bare.into(), refer.into()]).await;
    let devices = vswitchd.appctl(&["dpif/show"]);
    assert!(devices.contains("  br0:\n    br0 65534/"), "{devices}");
    assert!(devices.contains("  bare:\n") && !devices.contains("bare 65534/"), "{devices}");
    // Reserved names fail, and ovs-vswitchd does not even say why.
    for name in ["ovs-netdev", "gre_sys", "vxlan_sys_4789"] {
        let id = name.replace('-', "_");
        let named = |what: &str| Atom::NamedUuid(format!("{what}_{id}"));
        let put = Mutation::insert("ports", named("p"));
        let operations = vec![
            interface("internal").with("name", name).named(format!("i_{id}")).into(),
            port().with("name", name).with("interfaces", named("i")).named(format!("p_{id}")).into(),
            Mutate::table_rows("Bridge").filter(Condition::equal("name", "br0")).with(put).into(),
        ];
        commit_and_wait(&client, operations).await;
        assert_eq!(ofport(&client, name).await, Some(-1), "{name}");
    }
    // A name of more than 15 bytes is refused by neither ovsdb-server nor ovs-vswitchd: it is ours to check.
    commit_and_wait(&client, add_port("br0", "sixteen_bytes_is", interface("internal"), port())).await;
    assert!(ofport(&client, "sixteen_bytes_is").await.unwrap() > 0);
}

/// The ports with a device that a frame goes out of.
fn reached(vswitchd: &Vswitchd, flow: &str) -> Vec<String> {
    let trace = vswitchd.appctl(&["ofproto/trace", "br0", flow]);
    let actions = trace.lines().find_map(|line| line.strip_prefix("Datapath actions: "));
    let actions: Vec<_> = actions.unwrap_or_else(|| panic!("{trace}")).split(',').collect();
    // Lines such as "    p0 3/7: (tap)": the name, OpenFlow's number and the datapath's.
    let devices = vswitchd.appctl(&["dpif/show"]);
    let device = |line: &str| {
        let (name, numbers) = line.trim().split_once(' ')?;
        let number = numbers.split_once('/')?.1.split(':').next()?;
        actions.contains(&number).then(|| name.to_owned())
    };
    let mut names: Vec<_> = devices.lines().filter_map(device).collect();
    names.sort();
    names
}

#[tokio::test]
async fn point_40_tags_patches_and_foreign_keys() {
    let (server, client) = start().await;
    let vswitchd = Vswitchd::start(&server);
    let patch = |peer: &str| interface("patch").with("options", Datum::map([("peer", peer)]));
    commit_and_wait(&client, [add_bridge("br0"), add_bridge("br1")].concat()).await;
    let add = [
        add_port("br0", "trunk", interface("internal"), port()),
        add_port("br0", "access", interface("internal"), port().with("tag", 10)),
        add_port("br0", "other", interface("internal"), port().with("tag", 20)),
        add_port(
            "br0",
            "native",
            interface("internal"),
            port().with("tag", 30).with("trunks", 10).with("vlan_mode", "native-untagged"),
        ),
        add_port("br0", "to1", patch("to0"), port()),
        add_port("br1", "to0", patch("to1"), port()),
        add_port("br0", "lonely", interface("patch"), port()),
    ];
    commit_and_wait(&client, add.concat()).await;
    // A patch port needs its peer, on both ends.
    assert!(ofport(&client, "to0").await.unwrap() > 0 && ofport(&client, "to1").await.unwrap() > 0);
    let error = interface_row(&client, "lonely").await.optional::<String>("error").unwrap();
    assert_eq!(error.unwrap(), "lonely: patch type requires valid 'peer' argument");

    // A frame of VLAN 10 from the trunk goes to the access port of 10, to the trunk of 10, over the patch; not to 20.
    let from = ofport(&client, "trunk").await.unwrap();
    let frame = format!("in_port={from},dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02");
    let tagged = format!("{frame},dl_vlan=10,dl_vlan_pcp=0");
    assert_eq!(reached(&vswitchd, &tagged), ["access", "br0", "br1", "native"]);
    // An untagged one is VLAN 0's: neither access port gets it.
    assert_eq!(reached(&vswitchd, &frame), ["br0", "br1"]);

    // Keys of others stay where ours are set.
    let keys = |key: &str| Mutation::set_pairs("external_ids", [(key.to_owned(), "x".to_owned())]);
    for key in ["theirs", "ours"] {
        let mutate = Mutate::table_rows("Bridge").filter(Condition::equal("name", "br0")).with_all(keys(key));
        transact(&client, vec![mutate.into()]).await;
    }
    let select = Select::from_table("Bridge").filter(Condition::equal("name", "br0"));
    let row = rows(&client, select).await.remove(0);
    assert_eq!(row.map::<String, String>("external_ids").unwrap().into_keys().collect::<Vec<_>>(), ["ours", "theirs"]);
}
