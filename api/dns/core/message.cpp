#include "api/dns/core/message.hpp"
#include <algorithm>
#include <cstring>

namespace actord::dns {
namespace {

uint16_t get16(byte_view p, size_t at) { return static_cast<uint16_t>(p[at] << 8 | p[at + 1]); }
uint32_t get32(byte_view p, size_t at) { return uint32_t{get16(p, at)} << 16 | get16(p, at + 2); }

// Steps over a name, which may end in a pointer. False when it leaves the packet.
bool skip_name(byte_view p, size_t& at) {
  for (size_t total = 0; at < p.size() && total < 256;) {
    uint8_t n = p[at];
    if (n == 0) return ++at, true;
    if ((n & 0xc0) == 0xc0) return at += 2, at <= p.size();
    if (n & 0xc0) return false;
    at += size_t{n} + 1;
    total += size_t{n} + 1;
  }
  return false;
}

// A name with its pointers followed, at most 64 of them, as a complete wire name.
bool read_name(byte_view p, size_t at, std::string& out) {
  out.clear();
  for (int jumps = 0; at < p.size();) {
    uint8_t n = p[at];
    if ((n & 0xc0) == 0xc0) {
      if (at + 1 >= p.size() || ++jumps > 64) return false;
      at = (size_t{n} & 0x3f) << 8 | p[at + 1];
      continue;
    }
    if ((n & 0xc0) || at + n >= p.size() || out.size() + n + 1 > 255) return false;
    out.append(reinterpret_cast<const char*>(p.data()) + at, size_t{n} + 1);
    if (n == 0) return true;
    at += size_t{n} + 1;
  }
  return false;
}

// The question's name; compressed names have nothing to point to there. Sets the lower-case copy and its labels.
bool read_question_name(byte_view p, size_t& at, query& out) {
  size_t start = at, labels = 0;
  while (true) {
    if (at >= p.size()) return false;
    uint8_t n = p[at];
    if (n > 63 || at + 1 + n > p.size() || at + 1 + n - start > 255) return false;
    out.lower[at - start] = static_cast<char>(n);
    for (size_t i = 1; i <= n; ++i) {
      auto c = static_cast<char>(p[at + i]);
      out.lower[at - start + i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    if (n == 0) break;
    if (labels >= out.label_at.size()) return false;
    out.label_at[labels++] = static_cast<uint8_t>(at - start);
    at += size_t{n} + 1;
  }
  ++at;
  out.name = p.subspan(start, at - start);
  out.labels = static_cast<uint8_t>(labels);
  return true;
}

bool read_opt(byte_view rdata, query& out) {
  size_t at = 0;
  while (at + 4 <= rdata.size()) {
    uint16_t code = get16(rdata, at), length = get16(rdata, at + 2);
    at += 4;
    if (at + length > rdata.size()) return false;
    if (code == 8 && length >= 4) {
      auto option = rdata.subspan(at, length);
      uint16_t family = get16(option, 0);
      size_t bits = option[2], most = family == 1 ? 32 : family == 2 ? 128 : 0;
      if (bits > most || size_t{length} - 4 > most / 8) return false;
      out.subnet = option;
    }
    at += length;
  }
  return at == rdata.size();
}

} // namespace

verdict parse_query(byte_view p, query& out) {
  if (p.size() < header_size) return verdict::ignore;
  out.id = get16(p, 0);
  out.flags = get16(p, 2);
  out.name = {};
  out.labels = 0;
  out.has_edns = false;
  out.edns_size = 0;
  out.subnet = {};
  if (out.flags & 0x8000) return verdict::ignore;
  uint16_t opcode = (out.flags >> 11) & 15;
  if (opcode != 0) return verdict::not_implemented;
  if (get16(p, 4) != 1 || get16(p, 6) > 1 || get16(p, 8) > 1 || get16(p, 10) > 2) return verdict::format_error;
  size_t at = header_size;
  if (!read_question_name(p, at, out) || at + 4 > p.size()) {
    out.name = {};
    return verdict::format_error;
  }
  out.qtype = get16(p, at);
  out.qclass = get16(p, at + 2);
  at += 4;
  size_t before_additional = size_t{get16(p, 6)} + get16(p, 8), records = before_additional + get16(p, 10);
  for (size_t i = 0; i < records; ++i) {
    size_t owner = at;
    if (!skip_name(p, at) || at + 10 > p.size()) return verdict::format_error;
    uint16_t rtype = get16(p, at), length = get16(p, at + 8);
    if (at + 10 + length > p.size()) return verdict::format_error;
    if (rtype == type::opt && i >= before_additional && p[owner] == 0) {
      out.has_edns = true;
      out.edns_size = get16(p, at + 2);
      if (!read_opt(p.subspan(at + 10, length), out)) return verdict::format_error;
    }
    at += size_t{10} + length;
  }
  return verdict::ok;
}

bool answers_question(byte_view asked, byte_view answer, rcode& code) {
  if (asked.size() < header_size || answer.size() < header_size) return false;
  if (get16(asked, 0) != get16(answer, 0) || !(answer[2] & 0x80)) return false;
  code = static_cast<rcode>(answer[3] & 15);
  if (get16(answer, 4) == 0) return code != rcode::no_error; // a refusal may leave the question out
  size_t end = header_size;
  if (!skip_name(asked, end) || end + 4 > asked.size() || end + 4 > answer.size()) return false;
  for (size_t i = header_size; i < end + 4; ++i) {
    auto fold = [](uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c + 32) : c; };
    if (fold(asked[i]) != fold(answer[i])) return false;
  }
  return true;
}

bool parse_records(byte_view p, size_t limit, std::vector<foreign_record>& out) {
  out.clear();
  if (p.size() < header_size) return false;
  size_t at = header_size;
  for (size_t i = 0; i < get16(p, 4); ++i) {
    if (!skip_name(p, at) || at + 4 > p.size()) return false;
    at += 4;
  }
  for (size_t i = 0; i < get16(p, 6) && out.size() < limit; ++i) {
    foreign_record r;
    if (!read_name(p, at, r.owner) || !skip_name(p, at) || at + 10 > p.size()) return false;
    r.type = get16(p, at);
    r.ttl = get32(p, at + 4);
    size_t length = get16(p, at + 8);
    at += 10;
    if (at + length > p.size()) return false;
    bool address = (r.type == type::a && length == 4) || (r.type == type::aaaa && length == 16);
    if (address) r.rdata.assign(reinterpret_cast<const char*>(p.data()) + at, length);
    else if (r.type == type::cname && !read_name(p, at, r.rdata)) return false;
    if (address || r.type == type::cname) out.push_back(std::move(r));
    at += length;
  }
  return true;
}

void write_question(std::vector<uint8_t>& out, uint16_t id, std::string_view name, uint16_t qtype) {
  out = {static_cast<uint8_t>(id >> 8), static_cast<uint8_t>(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  out.insert(out.end(), name.begin(), name.end());
  for (uint16_t x : {qtype, uint16_t{1}}) {
    out.push_back(static_cast<uint8_t>(x >> 8));
    out.push_back(static_cast<uint8_t>(x));
  }
}

void writer::begin(const query& q, bool compress) {
  at_ = 0;
  overflow_ = false;
  compress_ = compress;
  counts_ = {};
  remembered_ = 0;
  if (++generation_ == 0) { // wrapped: old marks would look new
    std::fill(offsets_.begin(), offsets_.end(), suffix_slot{});
    generation_ = 1;
  }
  put16(q.id);
  put16(static_cast<uint16_t>(0x8000 | (q.flags & 0x7910))); // answer; opcode, "recursion desired", "checking disabled" as asked
  put16(q.name.empty() ? 0 : 1);
  for (int i = 0; i < 3; ++i) put16(0);
  question_name_size_ = q.name.size();
  if (q.name.empty()) return;
  put_name({}, {reinterpret_cast<const char*>(q.name.data()), q.name.size()}, false);
  put16(q.qtype);
  put16(q.qclass);
}

void writer::set_flags(bool authoritative, bool truncated, bool recursion_available, rcode code) {
  if (buffer_.size() < header_size) return;
  buffer_[2] = static_cast<uint8_t>((buffer_[2] & 0xf9) | (authoritative ? 4 : 0) | (truncated ? 2 : 0));
  buffer_[3] = static_cast<uint8_t>((buffer_[3] & 0x10) | (recursion_available ? 0x80 : 0) | static_cast<uint8_t>(code));
}

void writer::put16(uint16_t x) {
  if (at_ + 2 > buffer_.size()) {
    overflow_ = true;
    return;
  }
  buffer_[at_++] = static_cast<uint8_t>(x >> 8);
  buffer_[at_++] = static_cast<uint8_t>(x);
}

void writer::put32(uint32_t x) {
  put16(static_cast<uint16_t>(x >> 16));
  put16(static_cast<uint16_t>(x));
}

void writer::put_bytes(std::string_view bytes) {
  if (at_ + bytes.size() > buffer_.size()) {
    overflow_ = true;
    return;
  }
  if (!bytes.empty()) std::memcpy(buffer_.data() + at_, bytes.data(), bytes.size());
  at_ += bytes.size();
}

// Does the name at `offset` of the message, pointers followed, equal the complete wire name?
bool writer::name_is_at(size_t offset, const uint8_t* labels) const {
  while (true) {
    uint8_t n = buffer_[offset];
    if ((n & 0xc0) == 0xc0) { // only ever points backwards: this writer wrote it
      offset = (size_t{n} & 0x3f) << 8 | buffer_[offset + 1];
      continue;
    }
    if (n != *labels) return false;
    if (n == 0) return true;
    if (std::memcmp(&buffer_[offset + 1], labels + 1, n) != 0) return false;
    offset += size_t{n} + 1;
    labels += size_t{n} + 1;
  }
}

void writer::put_name(std::string_view prefix, std::string_view suffix, bool may_compress) {
  std::array<uint8_t, 512> name;
  if (prefix.size() + suffix.size() > 255) {
    overflow_ = true;
    return;
  }
  if (!prefix.empty()) std::memcpy(name.data(), prefix.data(), prefix.size());
  std::memcpy(name.data() + prefix.size(), suffix.data(), suffix.size());
  std::array<uint8_t, 128> label_at;
  size_t labels = 0, end = 0;
  for (; name[end] != 0; end += size_t{name[end]} + 1) label_at[labels++] = static_cast<uint8_t>(end);
  std::array<uint32_t, 128> hashes; // of the suffix that begins at each label
  uint32_t h = 2166136261u;
  for (size_t i = labels; i-- > 0;) {
    for (size_t at = label_at[i], n = name[at]; n > 0; --n) h = (h ^ name[at + n]) * 16777619u;
    h = (h ^ name[label_at[i]]) * 16777619u;
    hashes[i] = h;
  }
  auto slot_of = [&](size_t i) { // where the suffix from label i is remembered, or could be
    size_t slot = hashes[i] % table_size;
    while (offsets_[slot].generation == generation_ &&
           (offsets_[slot].hash != hashes[i] || !name_is_at(offsets_[slot].offset, &name[label_at[i]])))
      slot = (slot + 1) % table_size;
    return slot;
  };
  size_t written = labels, pointer = 0; // how many labels are written before the pointer
  for (size_t i = 0; compress_ && may_compress && i < labels; ++i) {
    auto& known = offsets_[slot_of(i)];
    if (known.generation != generation_) continue;
    written = i;
    pointer = known.offset;
    break;
  }
  size_t start = at_;
  put_bytes({reinterpret_cast<const char*>(name.data()), written == labels ? end : label_at[written]});
  if (written < labels) put16(static_cast<uint16_t>(0xc000 | pointer));
  else put_bytes(std::string_view("\0", 1));
  for (size_t i = 0; compress_ && !overflow_ && i < written; ++i) {
    size_t offset = start + label_at[i];
    auto& slot = offsets_[slot_of(i)];
    if (slot.generation == generation_) break; // this suffix is known, and so are those in it
    if (offset >= 0x4000 || remembered_ >= table_size / 2) break;
    slot = {hashes[i], static_cast<uint16_t>(offset), generation_};
    ++remembered_;
  }
}

void writer::start_record(uint16_t rtype, uint32_t ttl, section s) {
  put16(rtype);
  put16(1);
  put32(ttl);
  length_at_ = at_;
  put16(0);
  ++counts_[static_cast<size_t>(s)];
}

void writer::begin_record(std::string_view prefix, std::string_view suffix, uint16_t rtype, uint32_t ttl, section s) {
  put_name(prefix, suffix, true);
  start_record(rtype, ttl, s);
}

void writer::begin_record_of_question(uint16_t rtype, uint32_t ttl, section s) {
  if (compress_ && question_name_size_ > 1) put16(0xc000 | header_size);
  else put_bytes(byte_view{buffer_.data() + header_size, question_name_size_});
  start_record(rtype, ttl, s);
}

void writer::end_record() {
  if (overflow_) return;
  size_t length = at_ - length_at_ - 2;
  buffer_[length_at_] = static_cast<uint8_t>(length >> 8);
  buffer_[length_at_ + 1] = static_cast<uint8_t>(length);
  for (size_t i = 0; i < 3; ++i) {
    buffer_[6 + 2 * i] = static_cast<uint8_t>(counts_[i] >> 8);
    buffer_[7 + 2 * i] = static_cast<uint8_t>(counts_[i]);
  }
}

void writer::put_opt(const query& q, bool for_subnet) {
  put_bytes(std::string_view("\0", 1));
  put16(type::opt);
  put16(q.edns_size);
  put32(0);
  length_at_ = at_;
  put16(0);
  ++counts_[static_cast<size_t>(section::additional)];
  if (!q.subnet.empty()) {
    put16(8);
    put16(static_cast<uint16_t>(q.subnet.size()));
    put_bytes(q.subnet.first(3));
    put_bytes(for_subnet ? q.subnet.subspan(2, 1) : byte_view(reinterpret_cast<const uint8_t*>(""), 1));
    put_bytes(q.subnet.subspan(4));
  }
  end_record();
}

} // namespace actord::dns
