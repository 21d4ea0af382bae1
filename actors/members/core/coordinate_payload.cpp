#include "actors/members/core/coordinate_payload.hpp"
#include "runtime/base/msgpack_codec.hpp"

namespace actord::members {

namespace {
constexpr char ping_version = 1;
constexpr size_t payload_limit = 1024; // one of eight dimensions has 130 bytes
} // namespace

std::string encode_coordinate(const coordinate_vector& c) { return std::string(1, ping_version) + to_msgpack(c); }

result<coordinate_vector> decode_coordinate(std::string_view payload) {
  if (payload.empty() || payload.size() > payload_limit) return error(errc::corrupt, "serf: impossible ping payload");
  if (payload.front() != ping_version) return error(errc::unsupported, "serf: Unsupported ping version: " + std::to_string(static_cast<unsigned char>(payload.front())));
  coordinate_vector c;
  if (!from_msgpack(payload.substr(1), c)) return error(errc::corrupt, "serf: malformed coordinate");
  return c;
}

} // namespace actord::members
