//! Command lines, one after the other on the same database.

use crate::pair::Pair;

fn story(text: &str) {
    let mut pair = Pair::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        pair.line(line);
    }
    pair.finish();
}

#[test]
fn bridges() {
    story(
        "init
        list-br
        show
        add-br a
        add-br a
        --may-exist add-br a
        list-br
        add-br b -- add-br c -- del-br b
        br-exists a
        br-exists nope
        del-br nope
        --if-exists del-br nope
        -- --if-exists del-br nope -- list-br
        br-to-vlan a
        br-to-parent a
        br-to-vlan nope
        br-to-parent nope
        list-ports a
        list-ifaces a
        list-ports nope
        list-ifaces nope
        port-to-br a
        iface-to-br a
        add-br ''
        add-br x y
        add-br x nope 3
        add-br a b c d
        del-br a
        del-br c
        list-br
        show
        list Open_vSwitch",
    );
}

#[test]
fn fake_bridges() {
    story(
        "add-br xenbr0 -- add-port xenbr0 eth0 -- add-br xapi1 xenbr0 9 -- add-port xapi1 eth0.9
        list-br
        --real list-br
        --fake list-br
        --real --fake list-br
        br-to-vlan xapi1
        br-to-parent xapi1
        --oneline br-to-vlan xapi1 -- br-to-parent xapi1 -- list-br
        list-ports xenbr0
        list-ports xapi1
        list-ifaces xapi1
        port-to-br eth0.9
        iface-to-br eth0.9
        port-to-br xapi1
        add-br x2 xapi1 3
        add-br x2 xenbr0 9
        add-br x2 xenbr0 4096
        add-br x2 xenbr0 -1
        add-br x2 xenbr0 10x
        add-br xapi1 xenbr0 9
        --may-exist add-br xapi1 xenbr0 9
        --may-exist add-br xapi1 xenbr0 8
        --may-exist add-br xapi1 x2 9
        --may-exist add-br xapi1
        --may-exist add-br xenbr0 x2 9
        br-set-external-id xapi1 key1 value1
        br-set-external-id xenbr0 key0 value0
        br-get-external-id xapi1
        br-get-external-id xapi1 key1
        br-get-external-id xapi1 key0
        br-get-external-id xenbr0
        br-set-external-id xapi1 key1
        br-get-external-id xapi1
        get port xapi1 external_ids
        set-controller xapi1 tcp:1.2.3.4
        get-controller xapi1
        set-controller xenbr0 tcp:1.2.3.4
        get-controller xapi1
        set-fail-mode xapi1 secure
        del-fail-mode xapi1
        set-fail-mode xenbr0 secure
        get-fail-mode xapi1
        del-port xenbr0 eth0.9
        del-port xapi1 eth0
        show
        del-port xapi1 eth0.9
        add-port xenbr0 p tag=9
        list-ports xapi1
        set port p tag=8
        list-ports xapi1
        del-br xapi1
        list-br
        add-br xapi2 xenbr0 11 -- add-bond xapi2 bond1 e1 e2
        show
        del-br xenbr0
        list-br
        show",
    );
}

#[test]
fn ports() {
    story(
        "add-br a
        add-br b
        add-port a a1
        add-port a a1
        add-port b a1
        add-port nope n1
        add-port a b
        add-port a ''
        --may-exist add-port a a1
        --may-exist add-port b a1
        --may-exist add-port a a2
        add-port a a3 tag=9
        add-port a a4 tag=9 trunks=1,2,3 other_config:x=y vlan_mode=access
        add-port a a5 tag=4096
        add-port a a5 nope=1
        add-port a a5 tag
        add-port a a5 tag=
        add-port a a5 tag=[]
        add-port a a6 -- set Interface a6 type=internal options:k=v -- list-ports a
        list-ports a
        list-ifaces a
        port-to-br a1
        iface-to-br a1
        port-to-br nope
        iface-to-br nope
        del-port nope
        --if-exists del-port nope
        --if-exists del-port a nope
        del-port b a1
        del-port nope a1
        del-port a
        --if-exists del-port a
        del-port a a1
        del-port a2 -- list-ports a
        add-bond a bond0 e1
        add-bond a bond0 e1 e2
        add-bond a bond1 e1 e3
        add-bond a e1 e4 e5
        add-bond a bond1 e3 e3
        add-bond a bond1 e3 e4 lacp=active bond_mode=balance-tcp
        add-bond a bond2 e6 lacp=active e7
        add-bond a bond2 e6 e7 lacp=nonsense
        --fake-iface add-bond a bond2 e6 e7
        --may-exist add-bond a bond0 e2 e1
        --may-exist add-bond a bond0 e2 e9
        --may-exist --fake-iface add-bond a bond0 e2 'e 9'
        --may-exist add-port a bond0
        add-bond-iface bond0 e8
        add-bond-iface bond0 e8
        --may-exist add-bond-iface bond0 e8
        --may-exist add-bond-iface bond1 e8
        add-bond-iface nope e8
        add-bond-iface nope e10
        add-bond-iface a3 e10
        del-bond-iface bond1 e8
        del-bond-iface nope e8
        del-bond-iface bond0 e8
        del-bond-iface e2
        del-bond-iface e1
        del-bond-iface nope
        --if-exists del-bond-iface nope
        --if-exists del-bond-iface bond0 nope
        list-ifaces a
        del-port e3
        --with-iface del-port e3
        --with-iface del-port nope
        --if-exists --with-iface del-port nope
        --if-exists --with-iface del-port a bond2
        show
        del-port bond0 -- add-port a bond0
        list-ports a
        del-br a",
    );
}

#[test]
fn external_ids_together() {
    story(
        "--oneline add-br a -- add-port a a1 -- add-bond a bond0 a2 a3 -- br-set-external-id a key0 value0 -- set port a1 external-ids:key1=value1 -- set interface a2 external-ids:key2=value2 -- set interface a2 external-ids:key3=value3 -- br-get-external-id a -- br-get-external-id a key0 -- br-get-external-id a key1 -- br-set-external-id a key0 othervalue -- br-get-external-id a -- br-set-external-id a key0 -- br-get-external-id a -- get port a1 external-ids -- get interface a2 external-ids -- get interface a3 external-ids
        br-get-external-id nope
        br-set-external-id nope x y
        br-set-external-id a 'a b' 'c=d\"e'
        br-get-external-id a
        br-get-external-id a 'a b'
        --oneline get bridge a external_ids name -- list-br -- get bridge a _uuid",
    );
}

#[test]
fn controllers_managers_and_tls() {
    story(
        "get-manager
        set-manager tcp:1.2.3.4:6640 ptcp:6640
        get-manager
        --inactivity-probe=30000 set-manager ssl:1.2.3.4:6640
        list Manager
        list Manager ssl:1.2.3.4:6640
        set-manager xyz
        set-manager tcp:a tcp:a
        set-manager
        del-manager
        get-manager
        add-br br0
        get-controller br0
        set-controller br0 tcp:4.5.6.7 ssl:1.2.3.4:6633
        get-controller br0
        list Controller br0
        --inactivity-probe=x set-controller br0 punix:/x
        --inactivity-probe=1000 set-controller br0 punix:/x
        list Controller br0
        get Controller br0 inactivity_probe target
        set-controller br0 nonsense
        set-controller br0
        get-controller br0
        set-controller br0 tcp:4.5.6.7
        del-controller br0
        get-controller br0
        del-controller br0
        get-controller nope
        del-controller nope
        set-controller nope tcp:x
        get-fail-mode br0
        set-fail-mode br0 standalone
        get-fail-mode br0
        set-fail-mode br0 xyz
        set-fail-mode nope secure
        del-fail-mode br0
        get-fail-mode br0
        get-fail-mode nope
        get-ssl
        set-ssl a b c
        get-ssl
        --bootstrap set-ssl d e f
        get-ssl
        list SSL
        get SSL . ca_cert
        get ssl . bootstrap
        show
        del-ssl
        del-ssl
        get-ssl",
    );
}

#[test]
fn auto_attach_and_zones() {
    story(
        "add-br br0
        get-aa-mapping br0
        add-aa-mapping br0 10000 100
        add-aa-mapping br0 20000 200
        add-aa-mapping br0 30000 100
        get-aa-mapping br0
        list AutoAttach br0
        add-aa-mapping br0 x 1
        add-aa-mapping br0 1 x
        add-aa-mapping br0 1x 2y
        add-aa-mapping nope 1 2
        add-aa-mapping br0 99999999 1
        add-aa-mapping br0 5 5000
        del-aa-mapping br0 10000 200
        del-aa-mapping br0 10000 100
        get-aa-mapping br0
        del-aa-mapping br0 x 1
        del-aa-mapping nope 1 1
        get-aa-mapping nope
        list-zone-tp netdev
        list-dp-cap netdev
        add-zone-tp netdev zone=1 icmp_first=1
        del-zone-tp netdev zone=1
        -- --id=@m create Datapath datapath_version=0 capabilities='{a=b,c=d}' -- set Open_vSwitch . datapaths:netdev=@m
        list-zone-tp netdev
        list-dp-cap netdev
        add-zone-tp netdev zone=1
        add-zone-tp netdev zone=1 icmp_first=1 icmp_reply=2
        add-zone-tp netdev zone=1 icmp_first=1
        --may-exist add-zone-tp netdev zone=1 icmp_first=3
        add-zone-tp netdev zone=2 tcp_syn_sent=1
        add-zone-tp netdev zone=3 nope=1
        add-zone-tp netdev zone=3 icmp_first
        add-zone-tp netdev zone=3 icmp_first=x
        add-zone-tp netdev zone=70000 icmp_first=1
        list-zone-tp netdev
        --oneline list-zone-tp netdev -- list-dp-cap netdev
        list CT_Timeout_Policy
        del-zone-tp netdev zone=9
        --if-exists del-zone-tp netdev zone=9
        del-zone-tp netdev zone=1
        list-zone-tp netdev
        -- --id=@z create CT_Zone external_ids:a=b -- set Datapath . ct_zones:7=@z
        list-zone-tp netdev
        list-zone-tp nope
        list-dp-cap nope",
    );
}

#[test]
fn emergency() {
    story(
        "add-br br0 -- set-controller br0 tcp:127.0.0.1 -- set-fail-mode br0 secure
        -- --id=@i get port br0 -- set bridge br0 mirrors=@m -- --id=@m create mirror name=mymirror select_dst_port=@i select_src_port=@i
        -- set bridge br0 netflow=@n -- --id=@n create netflow targets='\"1.2.3.4:567\"'
        -- set bridge br0 sflow=@s -- --id=@s create sflow targets='\"1.2.3.4:567\"'
        -- set bridge br0 ipfix=@x -- --id=@x create ipfix targets='\"1.2.3.4:567\"'
        set bridge br0 other_config:hwaddr=00:11:22:33:44:55 other_config:x=y flood_vlans=1,2
        set interface br0 ingress_policing_rate=7 ingress_policing_burst=8
        set port br0 other_config:x=y
        set-manager ptcp:6640 -- set-ssl a b c
        list mirror mymirror
        list netflow br0
        list sflow br0
        list ipfix br0
        show
        emer-reset
        show
        list bridge br0",
    );
}

#[test]
fn flow_sample_collector_sets_go_with_their_bridge() {
    story(
        "add-br br0 -- add-br br1
        -- --id=@b get Bridge br0 -- create Flow_Sample_Collector_Set id=1 bridge=@b
        -- --id=@b get Bridge br1 -- --id=@i create IPFIX targets='\"1.2.3.4:5\"' -- create Flow_Sample_Collector_Set id=2 bridge=@b ipfix=@i
        list Flow_Sample_Collector_Set 1
        list Flow_Sample_Collector_Set 3
        list Flow_Sample_Collector_Set x1
        get Flow_Sample_Collector_Set 2 id
        emer-reset
        list Flow_Sample_Collector_Set 1
        del-br br0
        list Flow_Sample_Collector_Set
        destroy Flow_Sample_Collector_Set 2
        del-br br0
        del-br br1",
    );
}
