//! Runs the user's commands inside namespaces, as `ip netns exec` does.
