#include "actors/peers/core/frames.hpp"
#include "runtime/base/tagged_fields.hpp"
#include <algorithm>

namespace actord::peer {

namespace {

// Field numbers: append only.
enum hello_field : uint64_t {
  h_version_min = 1, h_version_max = 2, h_purpose = 3, h_id = 4, h_name = 5, h_address = 6, h_datacenter = 7,
  h_bootstrap_expect = 8, h_non_voter = 9, h_bootstrapped = 10, h_known = 11, h_command_level = 12, h_member = 13,
};
enum known_field : uint64_t { k_id = 1, k_address = 2 };
enum numbered_field : uint64_t { n_id = 1, n_body = 2 };
enum begin_field : uint64_t { b_transfer = 1, b_size = 2, b_install = 3 };
enum chunk_field : uint64_t { c_offset = 1, c_bytes = 2 };
enum ack_field : uint64_t { a_offset = 1, a_done = 2 };
enum refused_field : uint64_t { r_text = 1 };
enum messages_field : uint64_t { m_message = 1 };

constexpr size_t max_name = 1024, max_known = 1024, max_members = 256, max_refusal = 300, header = 5;

std::string open_frame(frame_kind kind, size_t body = 0) {
  std::string out;
  out.reserve(header + body);
  out.append(4, '\0');
  out.push_back(static_cast<char>(kind));
  return out;
}
std::string close_frame(std::string out) {
  const size_t length = out.size() - 4;
  for (size_t i = 0; i < 4; ++i) out[i] = static_cast<char>(length >> (24 - 8 * i));
  return out;
}

error corrupt(const char* what) { return error(errc::corrupt, std::string("server connection: ") + what); }

// Text that goes into logs and comparisons: what is not printable becomes '?'.
std::string printable(std::string_view in, size_t limit) {
  std::string out(in.substr(0, limit));
  for (auto& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

} // namespace

std::string encode(const hello& h) {
  std::string out = open_frame(frame_kind::hello);
  put_number(out, h_version_min, h.version_min);
  put_number(out, h_version_max, h.version_max);
  put_number(out, h_purpose, static_cast<uint64_t>(h.purpose));
  put_bytes(out, h_id, h.id);
  put_bytes(out, h_name, h.name);
  put_bytes(out, h_address, h.address);
  put_bytes(out, h_datacenter, h.datacenter);
  put_number(out, h_bootstrap_expect, h.bootstrap_expect);
  put_number(out, h_non_voter, h.non_voter ? 1 : 0);
  put_number(out, h_bootstrapped, h.bootstrapped ? 1 : 0);
  put_number(out, h_command_level, h.command_level);
  for (size_t i = 0; i < std::min(h.members.size(), max_members); ++i) put_bytes(out, h_member, h.members[i]);
  size_t count = 0;
  for (const auto& [id, address] : h.known) {
    if (++count > max_known || out.size() + id.size() + address.size() + 32 > greeting_limit) break;
    std::string entry;
    put_bytes(entry, k_id, id);
    put_bytes(entry, k_address, address);
    put_bytes(out, h_known, entry);
  }
  return close_frame(std::move(out));
}

std::string encode(frame_kind question_or_answer, const numbered& n) {
  std::string out = open_frame(question_or_answer, n.body.size() + 32);
  put_number(out, n_id, n.id);
  put_bytes(out, n_body, n.body);
  return close_frame(std::move(out));
}

std::string encode(const snapshot_begin& b) {
  std::string out = open_frame(frame_kind::snapshot_begin, b.install.size() + 48);
  put_number(out, b_transfer, b.transfer);
  put_number(out, b_size, b.size);
  put_bytes(out, b_install, b.install);
  return close_frame(std::move(out));
}

std::string encode(const snapshot_chunk& c) {
  std::string out = open_frame(frame_kind::snapshot_chunk, c.bytes.size() + 32);
  put_number(out, c_offset, c.offset);
  put_bytes(out, c_bytes, c.bytes);
  return close_frame(std::move(out));
}

std::string encode(const snapshot_ack& a) {
  std::string out = open_frame(frame_kind::snapshot_ack);
  put_number(out, a_offset, a.offset);
  put_number(out, a_done, a.done ? 1 : 0);
  return close_frame(std::move(out));
}

std::string encode_refused(std::string_view text) {
  std::string out = open_frame(frame_kind::refused);
  put_bytes(out, r_text, text.substr(0, max_refusal));
  return close_frame(std::move(out));
}

std::string encode_empty(frame_kind kind) { return close_frame(open_frame(kind)); }

void messages_frame::add(std::string_view body) {
  if (frame_.empty()) frame_ = open_frame(frame_kind::messages, body.size() + 16);
  put_bytes(frame_, m_message, body);
}

std::string messages_frame::take() {
  if (frame_.empty()) return {};
  return close_frame(std::exchange(frame_, {}));
}

result<hello> decode_hello(std::string_view body) {
  hello h;
  h.version_min = h.version_max = 0;
  field_walk f(body);
  while (f.next()) {
    if (f.number != h_known && f.bytes.size() > max_name) return corrupt("a too long word in the hello");
    switch (f.number) {
    case h_version_min: h.version_min = static_cast<uint32_t>(std::min<uint64_t>(f.value, UINT32_MAX)); break;
    case h_version_max: h.version_max = static_cast<uint32_t>(std::min<uint64_t>(f.value, UINT32_MAX)); break;
    case h_purpose:
      if (f.value != 1 && f.value != 2) return corrupt("unknown purpose of the connection");
      h.purpose = static_cast<peer::purpose>(f.value);
      break;
    case h_id: h.id = printable(f.bytes, max_name); break;
    case h_name: h.name = printable(f.bytes, max_name); break;
    case h_address: h.address = printable(f.bytes, max_name); break;
    case h_datacenter: h.datacenter = printable(f.bytes, max_name); break;
    case h_bootstrap_expect: h.bootstrap_expect = static_cast<uint32_t>(std::min<uint64_t>(f.value, 1 << 16)); break;
    case h_non_voter: h.non_voter = f.value != 0; break;
    case h_bootstrapped: h.bootstrapped = f.value != 0; break;
    case h_command_level: h.command_level = static_cast<uint32_t>(std::clamp<uint64_t>(f.value, 1, UINT32_MAX)); break;
    case h_member:
      if (!f.bytes.empty() && h.members.size() < max_members) h.members.push_back(printable(f.bytes, max_name));
      break;
    case h_known: {
      if (h.known.size() >= max_known) break;
      field_walk k(f.bytes);
      std::string id, address;
      while (k.next()) {
        if (k.bytes.size() > max_name) return corrupt("a too long word in the hello");
        if (k.number == k_id) id = printable(k.bytes, max_name);
        if (k.number == k_address) address = printable(k.bytes, max_name);
      }
      if (k.failed()) return corrupt("truncated hello");
      if (!id.empty()) h.known[id] = address;
      break;
    }
    default: break; // said by a newer server
    }
  }
  if (f.failed()) return corrupt("truncated hello");
  if (h.id.empty()) return corrupt("hello without an id");
  if (h.version_min == 0 || h.version_max < h.version_min) return corrupt("hello without versions");
  return h;
}

result<numbered> decode_numbered(std::string_view body) {
  numbered n;
  field_walk f(body);
  while (f.next()) {
    if (f.number == n_id) n.id = f.value;
    if (f.number == n_body) n.body = std::string(f.bytes);
  }
  if (f.failed()) return corrupt("truncated question or answer");
  return n;
}

result<snapshot_begin> decode_snapshot_begin(std::string_view body) {
  snapshot_begin b;
  field_walk f(body);
  while (f.next()) {
    if (f.number == b_transfer) b.transfer = f.value;
    if (f.number == b_size) b.size = f.value;
    if (f.number == b_install) b.install = std::string(f.bytes);
  }
  if (f.failed()) return corrupt("truncated start of a snapshot");
  return b;
}

result<snapshot_chunk> decode_snapshot_chunk(std::string_view body) {
  snapshot_chunk c;
  field_walk f(body);
  while (f.next()) {
    if (f.number == c_offset) c.offset = f.value;
    if (f.number == c_bytes) c.bytes = f.bytes;
  }
  if (f.failed()) return corrupt("truncated piece of a snapshot");
  return c;
}

result<snapshot_ack> decode_snapshot_ack(std::string_view body) {
  snapshot_ack a;
  field_walk f(body);
  while (f.next()) {
    if (f.number == a_offset) a.offset = f.value;
    if (f.number == a_done) a.done = f.value != 0;
  }
  if (f.failed()) return corrupt("truncated acknowledgement");
  return a;
}

result<std::string> decode_refused(std::string_view body) {
  std::string text;
  field_walk f(body);
  while (f.next())
    if (f.number == r_text) text = printable(f.bytes, max_refusal);
  if (f.failed()) return corrupt("truncated refusal");
  return text;
}

result<std::vector<std::string_view>> decode_messages(std::string_view body) {
  std::vector<std::string_view> out;
  field_walk f(body);
  while (f.next())
    if (f.number == m_message && f.is_bytes) out.push_back(f.bytes);
  if (f.failed()) return corrupt("truncated messages");
  return out;
}

status frame_reader::feed(std::string_view in, const std::function<bool(frame_kind, std::string_view)>& take) {
  auto length_of = [](std::string_view s) {
    size_t n = 0;
    for (size_t i = 0; i < 4; ++i) n = n << 8 | static_cast<unsigned char>(s[i]);
    return n;
  };
  for (;;) {
    // Whole frames are read where they are; only an incomplete one is copied.
    if (!partial_.empty() && partial_.size() < 4) {
      const size_t n = std::min(4 - partial_.size(), in.size());
      partial_.append(in.substr(0, n));
      in.remove_prefix(n);
    }
    const std::string_view start = partial_.empty() ? in : partial_;
    if (start.size() < 4) break;
    const size_t length = length_of(start);
    if (length == 0) return corrupt("an empty frame");
    if (length > limit_) return corrupt("a too long frame");
    if (start.size() + (partial_.empty() ? 0 : in.size()) < length + 4) break;
    bool go_on = false;
    if (partial_.empty()) {
      go_on = take(static_cast<frame_kind>(in[4]), in.substr(header, length - 1));
      in.remove_prefix(length + 4);
    } else {
      const size_t n = length + 4 - partial_.size();
      partial_.append(in.substr(0, n));
      in.remove_prefix(n);
      const std::string whole = std::exchange(partial_, {});
      go_on = take(static_cast<frame_kind>(whole[4]), std::string_view(whole).substr(header));
    }
    if (!go_on) return {};
  }
  partial_.append(in);
  return {};
}

} // namespace actord::peer
