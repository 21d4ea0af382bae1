// What the configuration says about a pool's gossip (gossip_lan, gossip_wan), as the core wants it.
#pragma once
#include "actors/gossip/core/settings.hpp"
#include "runtime/config/node_config.hpp"

namespace actord::gossip {

settings lan_settings(const node_config& c);
settings wan_settings(const node_config& c);

} // namespace actord::gossip
