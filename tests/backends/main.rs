//! One suite for every backend: the contract of `Backend::apply` (its doc in src/backend/mod.rs), each law on everything that
//! the backend can make, and what it says held against the system's own tools.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod fixture;
mod kernel;
mod laws;
mod linux;
mod long;
mod memory;
mod nft;
mod ovs;
mod owned;
mod packets;
mod scopes;
mod singles;

use common::require;

/// Makes a test of each law on each backend.
macro_rules! suite {
    ($($file:ident: $($law:ident)+;)+) => {
        mod on_memory {
            $($(#[test] fn $law() {
                super::common::sandbox::run(async || super::$file::$law(&super::memory::fixture()).await);
            })+)+
        }
        mod on_the_kernel {
            $($(#[test] fn $law() {
                super::require!(Root);
                super::common::sandbox::run(async || super::$file::$law(&super::kernel::fixture()).await);
            })+)+
        }
        mod on_the_linux_bridge {
            $($(#[test] fn $law() {
                super::require!(Root);
                super::common::sandbox::run(async || super::$file::$law(&super::linux::fixture()).await);
            })+)+
        }
        mod on_nftables {
            $($(#[test] fn $law() {
                super::require!(Root, NftNat);
                super::common::sandbox::run(async || super::$file::$law(&super::nft::fixture()).await);
            })+)+
        }
        mod on_ovs {
            $($(#[test] fn $law() {
                super::require!(Root, OpenVswitch);
                super::common::sandbox::run(async || super::$file::$law(&super::ovs::fixture().await).await);
            })+)+
        }
    };
}

suite! {
    laws: what_is_made_is_seen making_or_deleting_twice_succeeds a_change_takes_effect_and_goes_back
        making_what_is_there_converges_it what_is_not_ours_is_not_taken_over a_mark_is_put_on_and_taken_off
        a_failure_in_the_middle_tells_how_far_it_came a_hundred_go_at_once deleted_and_made_again_in_one_go;
    scopes: each_scope_shows_what_it_says;
}

#[test]
fn what_is_explained_of_nftables_can_be_pasted() {
    require!(Root, NftNat);
    common::sandbox::run(async || nft::what_is_explained_can_be_pasted().await);
}

#[test]
fn rules_of_nftables_that_were_flushed_come_back() {
    require!(Root, NftNat);
    common::sandbox::run(async || nft::rules_that_were_flushed_come_back().await);
}

#[test]
fn what_does_not_fit_into_a_comment_of_nftables_is_refused() {
    nft::what_does_not_fit_is_refused();
}

#[test]
fn what_is_replaced_forwards_again_on_the_linux_bridge() {
    require!(Root);
    common::sandbox::run(async || packets::what_is_replaced_forwards_again(&linux::fixture()).await);
}

#[test]
fn what_is_replaced_forwards_again_on_ovs() {
    require!(Root, OpenVswitch);
    common::sandbox::run(async || packets::what_is_replaced_forwards_again(&ovs::fixture().await).await);
}

#[test]
fn a_port_that_is_moved_forwards_there_on_the_linux_bridge() {
    require!(Root);
    common::sandbox::run(async || packets::a_port_that_is_moved_forwards_there(&linux::fixture()).await);
}

#[test]
fn a_port_that_is_moved_forwards_there_on_ovs() {
    require!(Root, OpenVswitch);
    common::sandbox::run(async || packets::a_port_that_is_moved_forwards_there(&ovs::fixture().await).await);
}
