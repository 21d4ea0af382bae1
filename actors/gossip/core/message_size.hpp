// How many bytes a message may take on the wire, so that packets keep within their budget without being encoded first.
#pragma once
#include "actors/gossip/core/types.hpp"
#include <cstddef>

namespace actord::gossip {

// An upper bound with the type byte, at most a few bytes above what the encoder needs.
size_t size_bound(const message& m);

// What packets cost beside their messages.
constexpr size_t compound_header = 2;   // type and number of parts
constexpr size_t compound_part = 2;     // the length of one part
constexpr size_t compound_parts_max = 127; // memberlist 0.2.2 miscounts from 128 on

} // namespace actord::gossip
