//! Starts and stops a private ovsdb-server and ovs-vswitchd.
