// The network coordinate that an agent puts into the payload of its acks (actors/members/serf.md): a version byte and msgpack.
// Bytes only; whether a coordinate makes sense is decided by who uses it.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/model/coordinate.hpp"
#include <string_view>

namespace actord::members {

std::string encode_coordinate(const coordinate_vector& c);
// errc::unsupported for another version, errc::corrupt for what does not parse or is larger than any coordinate.
result<coordinate_vector> decode_coordinate(std::string_view payload);

} // namespace actord::members
