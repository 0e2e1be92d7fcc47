//! Command lines on tables, and mistakes.

use crate::pair::Pair;

fn story(text: &str) {
    let mut pair = Pair::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        pair.line(line);
    }
    pair.finish();
}

#[test]
fn records() {
    story(
        "add-br br0 -- add-br br1 -- add-port br0 p1
        list bridge br0
        list b br0
        LIST br
        list BRIDGE br0
        list Bridges
        list interx x
        list b x
        list b br
        list ope .
        list open-vswitch
        list Port
        list Interface p1
        list Nope
        list q
        list flow
        list C
        list ''
        list bridge br0 br1
        list bridge br0 nope
        --if-exists list bridge br0 nope br1
        --columns=name list bridge
        --columns=_uuid,name list bridge br0
        --columns=name,ports list bridge br0
        --columns='name other' list bridge
        --columns=o list bridge br0
        --columns=nope list bridge br0
        --columns=, list bridge br0
        --columns= list bridge br0
        --columns list bridge br0
        --columns=_UUID,Name,NAME list bridge br0
        -- --columns=name list bridge -- --columns=name list port p1
        find bridge name=br0
        find bridge name!=br0
        --columns=name find bridge name=br0 stp_enable=false
        --columns=name find bridge name=br0 stp_enable=maybe
        --columns=name find bridge name=nope stp_enable=maybe
        --columns=name find bridge nope=1
        --columns=name find bridge name
        --columns=name find bridge =x
        --columns=name find bridge name=
        --columns=name find bridge 'name{=}br0'
        --columns=name find bridge 'name{not-in}br0,br1'
        --columns=name find bridge 'name{in}br0,br1'
        --columns=name find bridge other_config:x=y
        --columns=name find bridge name:x=y
        set bridge br0 other_config:mtu=1500 other_config:b=c
        set bridge br1 other_config:mtu=9000
        --columns=name find bridge other_config:mtu=1500
        --columns=name find bridge other_config:mtu!=1500
        --columns=name find bridge 'other_config:mtu{!=}1500'
        --columns=name find bridge 'other_config:mtu>1500'
        --columns=name find bridge 'other_config:nope{!=}1500'
        --columns=name find bridge 'other_config:nope{=}[]'
        --columns=name find bridge 'other_config:mtu<=1500'
        --columns=name find bridge 'other_config{>=}{mtu=1500}'
        --columns=name find bridge 'other_config={mtu=9000}'
        set bridge br0 flood_vlans=1,2,3
        --columns=name find bridge 'flood_vlans{<=}1,2,3,4'
        --columns=name find bridge 'flood_vlans{<}1-3'
        --columns=name find bridge 'flood_vlans{>}1'
        --columns=name find bridge 'flood_vlans{>=}1-3'
        --columns=name find bridge 'flood_vlans{=}3,2,1'
        --columns=name find bridge 'flood_vlans>7'
        --columns=name find bridge 'flood_vlans=[]'
        --columns=name find bridge 'flood_vlans=1-2'
        --columns=name find bridge 'flood_vlans{not-in}3,9'
        --columns=name find bridge 'ports{>=}$Port/br0$'
        --columns=name find bridge ports=@x
        --columns=name find port tag=[]
        list bridge $Bridge/br0$
        list bridge $Bridge/br0:8$
        list port $Bridge/br0$
        list bridge 0000
        list port .
        list Open_vSwitch .
        get Open_vSwitch . bridges
        get bridge br0 _uuid
        get bridge br0 -UUID
        get bridge br0 name ports other_config
        get bridge br0 other_config:mtu
        get bridge br0 other-config:nope
        --if-exists get bridge br0 other-config:nope
        --if-exists get bridge nope name
        get bridge br0 name:x
        get bridge br0 nope
        get bridge br0 name=x
        get bridge br0 ''
        get bridge br0 ':x'
        get bridge br0 'name\\'
        get bridge br0 '\"name'
        get bridge br0 dat
        get bridge br0
        get bridge nope
        get bridge br0 stp_enable flood_vlans fail_mode
        get interface p1 options mac ofport",
    );
}

#[test]
fn formats() {
    story(
        "add-br br0 -- add-port br0 p1 tag=3 trunks=1,2 -- set bridge br0 'other_config:a=\"x \\\"<&>,y\"' external-ids:k=true
        --format=table list bridge
        --format=table --columns=name,other_config,external_ids,ports list bridge
        --format=list list port p1
        --format=html --columns=name,other_config list bridge
        --format=csv --columns=name,other_config,external_ids list bridge
        --format=json list bridge br0
        -f json --data=bare list port p1
        -f json --pretty --columns=name,tag list port p1
        -f table --data=bare --columns=name,tag,trunks,other_config list port p1
        -f table --data=json --columns=name,tag,trunks,other_config list port p1
        -f csv -d json --no-headings --columns=name,tag,trunks list port p1
        --bare list port p1
        --bare --columns=name list bridge br0
        --bare -f table --columns=name,tag list port p1
        -f table --bare --columns=name,tag list port p1
        --no-headings list port p1
        --no-headings -f table --columns=name,tag list port p1
        -f table --max-column-width=5 --columns=name,external_ids,other_config list bridge
        --max-column-width=x -f table --columns=name list bridge
        --oneline list port p1
        --oneline -f table --columns=name list port p1 -- get port p1 tag trunks
        -f table --columns=name list port p1 -- -- list-br
        -f table -- --columns=name list port p1 -- --columns=name list bridge
        -f table --columns=name find bridge name=nope
        --columns=name find bridge name=nope
        -f csv --columns=name find bridge name=nope
        -f json --columns=name find bridge name=nope
        -f html --columns=name find bridge name=nope
        -f nope list bridge
        -d nope list bridge
        --format list-br
        show",
    );
}

#[test]
fn changes() {
    story(
        "add-br br0 -- add-port br0 p1
        set bridge br0 'other_config:datapath_id=\"0123456789ab\"' 'other_config:hwaddr=\"00:11:22:33:44:55\"' 'external-ids={\"u\"=\"9c45f225-a7cf-439d-976d-83db6271fda1\"}' -- add bridge br0 external_ids '\"names\"=\"local; remote; cloud\"'
        --oneline get bridge br0 other_config external-ids
        remove br br0 other_config hwaddr 'datapath_id=\"\"' -- get br br0 other_config
        remove br br0 other_config 'datapath_id=\"0123456789ab\"' -- get br br0 other_config
        remove br br0 other_config x=y,z
        remove br br0 other_config x y=z
        remove br br0 other_config ''
        remove br br0 flood-vlans 1
        remove br br0 flood-vlans x
        remove br br0 name br0
        remove br br0 stp_enable false
        remove br br0 other_config_x x
        remove nope br0 x x
        remove br nope name x
        --if-exists remove br nope name x
        clear br br0 external-ids -- get br br0 external_ids
        clear br br0 name
        clear br br0 stp_enable
        clear br br0 nope
        clear br nope name
        --if-exists clear br nope name
        add bridge br0 flood_vlans 1 2 3,4 5-7
        get bridge br0 flood_vlans
        add bridge br0 flood_vlans 1
        add bridge br0 flood_vlans 4096
        add bridge br0 flood_vlans x
        add bridge br0 flood_vlans []
        add bridge br0 flood_vlans ''
        add bridge br0 flood_vlans 7-5
        add bridge br0 flood_vlans 1-9999
        add bridge br0 flood_vlans 5-5000
        add port p1 tag 1
        add port p1 tag 2
        get port p1 tag
        add port p1 name x
        add bridge br0 other_config a=b a=c
        add bridge br0 other_config a=b c=d
        add bridge br0 other_config a=d -- list-br
        add bridge br0 datapath_type x -- list-br
        add bridge br0 stp_enable true -- list-br
        add bridge br0 stp_enable false -- list-br
        add bridge br0 other_config x
        add bridge br0 other_config x=
        add bridge br0 other_config 'x=1,x=2'
        get bridge br0 other_config
        add bridge nope other_config x=y
        --if-exists add bridge nope other_config x=y
        set bridge br0 name=x
        set bridge br0 'ports=[]'
        set bridge br0 other_config=[]
        set bridge br0 other_config={}
        set bridge br0 other_config='{a=b, c = d ,e=f}'
        get bridge br0 other_config
        set bridge br0 other_config='{a=b'
        set bridge br0 other_config='{a=b}x'
        set bridge br0 other_config='a=b,a=c'
        set bridge br0 other_config='a=b c'
        set bridge br0 other_config=',a=b'
        set bridge br0 other_config:a
        set bridge br0 other_config:a=
        set bridge br0 'other_config:\"a b\"=\"c d\"'
        set bridge br0 'other_config:a=b c'
        set bridge br0 'other_config:a\\:b=c'
        get bridge br0 other_config
        set bridge br0 'other_config:a=\"b'
        set bridge br0 'other_config:a=\"b\\\"'
        set bridge br0 'other_config:a=\"b\"c'
        set bridge br0 'other_config:a=\"b\\qc\"'
        set bridge br0 'other_config:a=\"b\\u12\"'
        set bridge br0 'other_config:a=\"b\\u00e9\\n\\t\"'
        set bridge br0 'other_config:a=\"b\\u0000\"'
        set bridge br0 'other_config:a=\"\"'
        get bridge br0 other_config
        get bridge br0 'other_config:\"a b\"'
        set bridge br0 flood_vlans=[1,2
        set bridge br0 flood_vlans=1,1
        set bridge br0 flood_vlans=[1]2
        set bridge br0 flood_vlans=1=2
        set bridge br0 flood_vlans:1=2
        set bridge br0 flood_vlans=
        set bridge br0 'flood_vlans= 1, 2 ,3'
        get bridge br0 flood_vlans
        set bridge br0 stp_enable=maybe
        set bridge br0 stp_enable=yes
        set bridge br0 stp_enable=true,false
        set bridge br0 stp_enable=[]
        set bridge br0 fail_mode=xyz
        set bridge br0 fail_mode=secure
        set bridge br0 fail_mode=[secure,standalone]
        set bridge br0 mirrors=xyz
        set bridge br0 mirrors=$Bridge/br0$
        set bridge br0 protocols=OpenFlow10,OpenFlow99
        set bridge br0 protocols=OpenFlow10,OpenFlow13
        set bridge br0 datapath_type=netdev datapath_version=x
        set port p1 tag=1.5
        set port p1 tag=0x10
        set port p1 tag=99999999999999999999
        set port p1 tag=-1
        set port p1 tag=+5
        set port p1 tag=1-1
        set port p1 tag=1-3
        set port p1 tag=5
        set port p1 tag=5
        set port p1 trunks=1-5,7
        set port nope tag=1
        --if-exists set port nope tag=1
        set port p1 nope=1
        set port p1 t=1
        set port p1 interfaces=[]
        set interface p1 type=internal name=p2
        set interface p1 cfm_remote_mpids=1-9999
        set interface p1 cfm_remote_mpids=9-1,3
        add interface p1 cfm_remote_mpids 1-3
        set interface p1 mtu_request=10
        set interface p1 mtu_request=1500 ofport_request=0
        set interface p1 ofport_request=7 -- get interface p1 ofport_request
        set Open_vSwitch . external_ids:system-id=x other_config:y=z
        set Open_vSwitch . external_ids:system-id=\"1x\" -- get Open_vSwitch . external_ids
        set Open_vSwitch . next_cfg=5
        get Open_vSwitch . next_cfg
        set nope . x=y
        set bridge br0 =x
        set bridge br0 x",
    );
}

#[test]
fn rows_come_and_go() {
    story(
        "add-br br0
        create bridge name=br9
        -- --id=@b create bridge name=br9
        -- --id=@x create Queue other_config:max-rate=1
        create QoS type=linux-htb
        create QoS type=
        create QoS nope=1
        create QoS type=linux-htb other-config:max-rate=1000000 queues:0=@q
        -- set port br0 qos=@newqos -- --id=@newqos create qos type=linux-htb other-config:max-rate=1000000 queues:0=@newqueue -- --id=@newqueue create queue other-config:min-rate=1000000 other-config:max-rate=1000000
        list qos br0
        get qos br0 type
        set qos br0 queues='0=@a,1=@b' -- --id=@a create queue dscp=1 -- --id=@b create queue dscp=2
        set qos br0 queues:2=@c -- --id=@c create queue dscp=64
        set qos br0 queues:2=@c -- --id=@c create queue dscp=3
        add qos br0 queues 3=@d -- --id=@d create queue dscp=4
        remove qos br0 queues 3
        get qos br0 queues:0
        get qos br0 queues:9
        destroy qos br0
        clear port br0 qos -- destroy qos br0
        clear port br0 qos
        destroy qos nope
        destroy qos
        --all destroy qos nope
        --all --if-exists destroy qos
        --if-exists destroy qos nope
        --all destroy qos
        --all destroy queue
        list qos
        list queue
        --id=x create qos type=a
        --id=@x create qos type=a -- --id=@x create queue dscp=1
        --id=@ create qos type=a
        --id= create qos type=a
        --id create qos type=a
        set port br0 qos=@nope
        -- --id=@a get port br0 -- --id=@a get port br0
        -- set bridge br0 mirrors=@m -- --id=@m get mirror m
        -- set bridge br0 ports=@p -- --id=@p get port br0
        -- --id=@p get port br0 -- get bridge br0 name
        -- --if-exists --id=@p get port br0
        -- --id=@m create mirror name=m
        -- --id=@m create mirror name=m output_port=@p -- --id=@p get port br0
        -- --id=@m create mirror name=m -- set bridge br0 mirrors=@m
        -- --id=@m create mirror name=m -- set bridge br0 mirrors=@m
        list mirror m
        set mirror m select_all=true output_port=$Port/br0$ select_vlan=1,2
        add mirror m select_src_port $Port/br0$
        get mirror m select_src_port
        clear bridge br0 mirrors
        list mirror
        -- --id=@n create netflow targets='\"1.2.3.4:567\"' -- set bridge br0 netflow=@n
        get netflow br0 targets
        set netflow br0 active_timeout=60 engine_id=256
        set netflow br0 active_timeout=60 engine_id=255 add_id_to_interface=true
        destroy netflow br0
        clear bridge br0 netflow
        -- --id=@s create sflow agent=eth1 targets='\"10.0.0.1:6343\"' header=128 sampling=64 polling=10 -- set bridge br0 sflow=@s
        list sflow br0
        -- --id=@ft create Flow_Table flow_limit=100 overflow_policy=refuse name=t0 -- set bridge br0 flow_tables=0=@ft
        list flow_table t0
        set flow_table t0 groups='\"NXM_OF_IN_PORT[]\"' overflow_policy=evict
        get flow_table t0 groups
        set bridge br0 flow_tables:300=@x -- --id=@x create flow_table name=z
        -- --id=12345678-1234-4234-8234-123456789abc create queue dscp=7
        get queue 12345678 dscp
        get queue 1234 dscp
        get queue 123 dscp
        get queue 12345678-1234-4234-8234-123456789abc dscp
        -- --id=12345678-1234-4234-8234-123456789abc create queue dscp=7
        set queue . dscp=9
        list queue .
        destroy queue 12345678
        destroy bridge br0
        destroy port br0
        destroy Open_vSwitch .
        list-br
        add-br br0",
    );
}

#[test]
fn conditions_that_hold_already() {
    story(
        "add-br br0
        wait-until bridge br0
        wait-until bridge br0 -- get bridge br0 name
        wait-until bridge br0 stp_enable=false name=br0
        wait-until bridge br0 nope=1
        wait-until nope br0
        wait-until bridge br0 stp_enable
        comment a b 'c d' -- comment
        comment",
    );
}

#[test]
fn the_grammar() {
    story(
        "--
        -- --
        -- --if-exists
        nope
        add-br
        list-br x
        del-br x --if-exists
        --if-exists add-br x
        -- --if-exists add-br x
        --may-exist=1 add-br x
        -- --may-exist=1 add-br x
        -- --may-exist --may-exist add-br x
        --may-exist --may-exist add-br x
        --may add-br x
        --i del-br x
        --nope list-br
        --nope=1 list-br
        -x list-br
        -- -x list-br
        -- --nope list-br
        -- --nope --what=3 list-br
        --db
        -t
        -t x list-br
        -t -1 list-br
        -t 5x list-br
        -t 99999999999 list-br
        --timeout=10 list-br
        --timeout list-br
        --dry-run add-br y
        list-br
        --dry-run set Open_vSwitch . external_ids:a=b
        --dry-run add-br y -- add-br y
        --dry-run add-port x p -- list-ports x
        --oneline add-br y -- list-br -- get bridge y name
        --no-syslog list-br
        --log-file list-br x
        --retry list-br
        -vconsole:off create port name=z
        --verbose=vsctl:console:err list-br
        create port name=z
        --no-syslog create port name=z
        --no-wait --no-wait list-br
        --no list-br
        -Vx
        --version
        -V
        --versio list-br
        --commands
        --options
        --comm --nope
        set-fail-mode x
        get-ssl x
        add-bond x y
        add-bond x b i1 i2 -- del-port b
        get
        get x
        set x y
        create x
        find
        --columns=name find bridge
        destroy
        list-zone-tp
        add-zone-tp x
        del-zone-tp
        list-dp-cap
        del-zone-tp a b c",
    );
}
