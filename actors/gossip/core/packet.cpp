#include "actors/gossip/core/packet.hpp"
#include <algorithm>
#include <array>

namespace actord::gossip {

namespace {

constexpr size_t crc_header = 5;

constexpr std::array<uint32_t, 256> crc_table = [] {
  std::array<uint32_t, 256> t{};
  for (uint32_t i = 0; i < t.size(); ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xedb88320U ^ (c >> 1) : c >> 1;
    t[i] = c;
  }
  return t;
}();

size_t big_endian(std::string_view in, size_t at, size_t bytes) {
  size_t v = 0;
  for (size_t i = 0; i < bytes; ++i) v = v << 8 | static_cast<unsigned char>(in[at + i]);
  return v;
}

class unfolding {
public:
  unfolding(const packet_bounds& bounds, packet& out) : bounds_(bounds), left_(bounds.expanded), out_(out) {}

  void unfold(std::string_view in, int depth) { // recursion is bounded by bounds_.depth
    if (in.empty()) return drop("an empty message");
    const auto tag = static_cast<wire_tag>(in.front());
    if (tag != wire_tag::compound && tag != wire_tag::compress) return take(in);
    if (depth >= bounds_.depth) return drop("messages inside one another too deeply");
    if (tag == wire_tag::compound) return parts(in, depth + 1);
    auto inside = decode_compressed(in, left_);
    if (!inside) {
      left_ = 0; // agents compress whole packets: one failure is enough to expand no more of this one
      return drop(inside.err().text);
    }
    left_ -= inside->size();
    unfold(*inside, depth + 1);
  }

private:
  void drop(std::string why, size_t count = 1) {
    if (out_.dropped == 0) out_.why = std::move(why);
    out_.dropped += count;
  }
  void take(std::string_view in) {
    if (out_.messages.size() >= bounds_.messages) return drop("too many messages in one packet");
    auto m = decode(in);
    if (!m) return drop(m.err().text);
    if (std::holds_alternative<failure>(*m)) return drop("an error message in a packet");
    out_.messages.push_back(std::move(*m));
  }
  void parts(std::string_view in, int depth) {
    if (in.size() < compound_header) return drop("missing compound length byte");
    const size_t count = static_cast<unsigned char>(in[1]);
    if (in.size() < compound_header + count * compound_part) return drop("truncated len slice", count);
    auto body = in.substr(compound_header + count * compound_part);
    for (size_t i = 0; i < count; ++i) {
      const size_t length = big_endian(in, compound_header + i * compound_part, compound_part);
      if (length > body.size()) return drop("truncated compound message", count - i);
      unfold(body.substr(0, length), depth);
      body.remove_prefix(length);
    }
  }

  const packet_bounds& bounds_;
  size_t left_; // bytes that compressed parts may still expand to
  packet& out_;
};

} // namespace

uint32_t crc32(std::string_view bytes) {
  uint32_t c = ~uint32_t{0};
  for (const char b : bytes) c = crc_table[(c ^ static_cast<unsigned char>(b)) & 255] ^ (c >> 8);
  return ~c;
}

std::string make_compound(std::span<const std::string> parts) {
  if (parts.size() == 1) return parts.front();
  std::string lengths, bodies;
  size_t count = 0;
  for (const auto& part : parts) {
    if (count == compound_parts_max) break;
    if (part.size() > UINT16_MAX) continue;
    lengths.push_back(static_cast<char>(part.size() >> 8));
    lengths.push_back(static_cast<char>(part.size() & 255));
    bodies += part;
    ++count;
  }
  std::string out;
  out.reserve(compound_header + lengths.size() + bodies.size());
  out.push_back(static_cast<char>(wire_tag::compound));
  out.push_back(static_cast<char>(count));
  return out += lengths += bodies;
}

std::vector<std::string> bundle(std::span<const std::string> parts, size_t budget) {
  std::vector<std::string> out;
  size_t from = 0, size = compound_header;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto more = parts[i].size() + compound_part;
    if (i > from && (size + more > budget || i - from == compound_parts_max)) {
      out.push_back(make_compound(parts.subspan(from, i - from)));
      from = i;
      size = compound_header;
    }
    size += more;
  }
  if (from < parts.size()) out.push_back(make_compound(parts.subspan(from)));
  return out;
}

std::string encode_packet(std::string_view body, const packet_options& o, const sealing* seal) {
  std::string out;
  if (o.crc) out.assign(crc_header, static_cast<char>(wire_tag::crc));
  const auto start = out.size();
  if (o.compress) out += encode_compressed(body, o.opening_clear);
  if (!o.compress || out.size() - start >= body.size()) out.replace(start, out.npos, body);
  if (o.crc) {
    const auto sum = crc32(std::string_view(out).substr(crc_header));
    for (size_t i = 1; i < crc_header; ++i) out[i] = static_cast<char>(sum >> (8 * (crc_header - 1 - i)));
  }
  return seal != nullptr && seal->seals() ? seal->seal(out) : out;
}

result<packet> decode_packet(std::string_view datagram, const sealing* seal, const packet_bounds& bounds) {
  if (datagram.size() > packet_limit) return error(errc::too_large, "gossip: a too large packet");
  std::string opened;
  if (seal != nullptr && seal->enabled()) {
    auto plain = seal->open(datagram);
    if (plain) {
      opened = std::move(*plain);
      datagram = opened;
    } else if (seal->refuses_plain()) {
      return plain.err();
    }
  }
  if (datagram.size() >= crc_header && static_cast<wire_tag>(datagram.front()) == wire_tag::crc) {
    const auto rest = datagram.substr(crc_header);
    if (crc32(rest) != big_endian(datagram, 1, 4)) return error(errc::corrupt, "gossip: a packet with a wrong checksum");
    datagram = rest;
  }
  packet out;
  unfolding(bounds, out).unfold(datagram, 0);
  return out;
}

} // namespace actord::gossip
