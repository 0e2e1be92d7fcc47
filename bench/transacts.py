#!/usr/bin/python3
"""10,000 transactions that each commit one small change, with Python's ovs package (python3-openvswitch).

    transacts.py REMOTE

Prints JSON: seconds with ovs.jsonrpc, which sends and receives messages, and with ovs.db.idl, which keeps a replica
of the database and is what most programs use; each the median of three rounds.
"""

import json
import statistics
import sys
import time

import ovs.db.idl
import ovs.jsonrpc
import ovs.poller
import ovs.stream

TRANSACTS = 10_000
ROUNDS = 3
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def open_jsonrpc(remote):
    error, stream = ovs.stream.Stream.open_block(ovs.stream.Stream.open(remote))
    assert not error, error
    return ovs.jsonrpc.Connection(stream)


def commit_by_jsonrpc(connection, number):
    mutations = [["external_ids", "delete", ["set", ["bench"]]],
                 ["external_ids", "insert", ["map", [["bench", str(number)]]]]]
    change = {"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": mutations}
    request = ovs.jsonrpc.Message.create_request("transact", ["Open_vSwitch", change])
    error, reply = connection.transact_block(request)
    assert not error and reply.error is None and reply.result == [{"count": 1}], (error, reply)


def open_idl(remote):
    schema = ovs.db.idl.SchemaHelper(location=SCHEMA)
    schema.register_columns("Open_vSwitch", ["external_ids"])
    idl = ovs.db.idl.Idl(remote, schema)
    while not (idl.run() or idl.has_ever_connected()):
        poller = ovs.poller.Poller()
        idl.wait(poller)
        poller.block()
    return idl


def commit_by_idl(idl, number):
    transaction = ovs.db.idl.Transaction(idl)
    row = next(iter(idl.tables["Open_vSwitch"].rows.values()))
    row.setkey("external_ids", "bench", str(number))
    status = transaction.commit_block()
    assert status == ovs.db.idl.Transaction.SUCCESS, status


def median_of_rounds(commit, connection):
    rounds = []
    for offset in range(1, ROUNDS + 1):
        start = time.perf_counter()
        for number in range(TRANSACTS):
            # a value that differs from the last one: the IDL would not send what changes nothing
            commit(connection, number + offset * TRANSACTS)
        rounds.append(time.perf_counter() - start)
    return statistics.median(rounds)


def main(remote):
    seconds = {"jsonrpc": median_of_rounds(commit_by_jsonrpc, open_jsonrpc(remote)),
               "idl": median_of_rounds(commit_by_idl, open_idl(remote))}
    json.dump(seconds, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
