"""The database of the Open vSwitch of a sandbox: JSON over its socket, with nothing around it."""

import json
import socket

SOCKET = "/run/openvswitch/db.sock"
BUMP = [{"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]},
        {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}]


class Database:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(600)
        self.socket.connect(SOCKET)
        self.text, self.requests = "", 0
        columns = {"Open_vSwitch": {"columns": ["cur_cfg"]}}
        self.current = self.newest(self.call("monitor", ["Open_vSwitch", "cfg", columns]))

    @staticmethod
    def newest(update):
        return next(iter(update["Open_vSwitch"].values()))["new"]["cur_cfg"]

    def receive(self):
        while True:
            try:
                message, end = json.JSONDecoder().raw_decode(self.text)
                self.text = self.text[end:]
                break
            except json.JSONDecodeError:
                # not all of it is here
                data = self.socket.recv(1 << 20)
                assert data, "ovsdb-server has closed the connection"
                self.text += data.decode()
        if message.get("method") == "update":
            self.current = self.newest(message["params"][1])
        return message

    def call(self, method, params):
        self.requests += 1
        self.socket.sendall(json.dumps({"method": method, "params": params, "id": self.requests}).encode())
        while True:
            message = self.receive()
            if message.get("id") == self.requests:
                assert not message.get("error"), message["error"]
                return message["result"]

    def transact(self, operations):
        results = self.call("transact", ["Open_vSwitch", *operations])
        assert not any(result and "error" in result for result in results), results
        return results

    def change_and_wait(self, operations):
        """The results, once ovs-vswitchd has done what they say."""
        results = self.transact([*operations, *BUMP])
        while self.current < results[-1]["rows"][0]["next_cfg"]:
            self.receive()
        return results

    def column(self, table, column):
        [result] = self.transact([{"op": "select", "table": table, "where": [], "columns": [column]}])
        return [row[column] for row in result["rows"]]
