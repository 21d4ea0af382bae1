#include "actors/events/core/wire.hpp"
#include "runtime/base/msgpack.hpp"
#include "runtime/base/pattern.hpp"
#include <msgpack/sbuffer.hpp>

namespace actord::events {
namespace {

void write_string(msgpack::packer<msgpack::sbuffer>& p, std::string_view s) {
  p.pack_str(static_cast<uint32_t>(s.size()));
  p.pack_str_body(s.data(), static_cast<uint32_t>(s.size()));
}

} // namespace

std::string encode_event(const user_event_record& e) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> p(buffer);
  const bool has[] = {!e.node_filter.empty(), !e.payload.empty(), !e.service_filter.empty(), !e.tag_filter.empty()};
  p.pack_map(3 + uint32_t(has[0]) + uint32_t(has[1]) + uint32_t(has[2]) + uint32_t(has[3]));
  auto pair = [&](bool present, std::string_view name, std::string_view value) {
    if (!present) return;
    write_string(p, name);
    write_string(p, value);
  };
  pair(true, "ID", e.id);
  pair(true, "n", e.name);
  pair(has[0], "nf", e.node_filter);
  if (has[1]) {
    write_string(p, "p");
    p.pack_bin(static_cast<uint32_t>(e.payload.size()));
    p.pack_bin_body(e.payload.data(), static_cast<uint32_t>(e.payload.size()));
  }
  pair(has[2], "sf", e.service_filter);
  pair(has[3], "tf", e.tag_filter);
  write_string(p, "v");
  p.pack_int64(e.version);
  return {buffer.data(), buffer.size()};
}

result<user_event_record> decode_event(std::string_view bytes) {
  user_event_record e;
  e.version = 0;
  msgpack_reader r(bytes);
  if (r.peek() != msgpack_reader::kind::map) r.fail();
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    const auto name = r.raw();
    if (name == "ID") e.id = r.raw();
    else if (name == "n") e.name = r.raw();
    else if (name == "nf") e.node_filter = r.raw();
    else if (name == "p") e.payload = r.raw();
    else if (name == "sf") e.service_filter = r.raw();
    else if (name == "tf") e.tag_filter = r.raw();
    else if (name == "v") e.version = r.sint();
    else r.skip();
  }
  if (!r.ok()) return error{errc::corrupt, "malformed user event of " + std::to_string(bytes.size()) + " bytes"};
  return e;
}

std::string format_uuid(const unsigned char (&random)[16]) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += digits[random[i] >> 4];
    out += digits[random[i] & 15];
  }
  return out;
}

// Each agent that gets the event compiles it, so that what one client sends is work for all.
result<pattern> compile_filter(std::string_view text) {
  constexpr size_t heaviest = 4096;
  if (pattern::weight_of(text) > heaviest) return error{errc::bad_request, "expression too large"};
  return pattern::compile(text);
}

status check_event(const user_event_record& e) {
  if (e.name.empty()) return error{errc::internal, "User event missing name"};
  if (!e.tag_filter.empty() && e.service_filter.empty()) return error{errc::internal, "Cannot provide tag filter without service filter"};
  struct { const char* which; const std::string& text; } filters[] = {{"node", e.node_filter}, {"service", e.service_filter}, {"tag", e.tag_filter}};
  for (auto& f : filters) {
    if (f.text.empty()) continue;
    if (auto compiled = compile_filter(f.text); !compiled)
      return error{errc::internal, std::string("Invalid ") + f.which + " filter: " + compiled.err().text};
  }
  return {};
}

} // namespace actord::events
