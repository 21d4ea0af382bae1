// What the configuration says about a pool: its gossip (gossip_lan, gossip_wan) as the core wants it, and all of the pool's setup.
#pragma once
#include "actors/gossip/core/settings.hpp"
#include "actors/gossip/pool_actor.hpp"
#include "runtime/config/node_config.hpp"

namespace actord::gossip {

settings lan_settings(const node_config& c);
settings wan_settings(const node_config& c);

// All but the seed and the board. Files go below `data_folder`. Error: the key is none.
result<pool_setup> setup_of(const node_config& c, bool wan, const std::string& data_folder);

} // namespace actord::gossip
