#include "storage/state/digest_record.hpp"
#include "runtime/base/files.hpp"
#include "storage/state/store_impl.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace actord::state {

namespace {

// version, flags, number of tables (2 bytes), applied, format, sums, check value
constexpr size_t head_bytes = 20, sum_bytes = 16, check_bytes = 8;
constexpr uint8_t flag_complete = 1;
constexpr uint64_t whole_at_start = 8 << 20; // bytes of a state that are read before the server serves

uint64_t check_of(std::string_view bytes) { return lmdb::murmur128({0, 0}).finish(bytes).low; }

void append(std::string& out, uint64_t v) {
  char bytes[8];
  lmdb::store_be64(bytes, v);
  out.append(bytes, 8);
}

error damaged(std::string what) { return {errc::corrupt, std::move(what)}; }

} // namespace

const std::vector<std::string>& counted_tables() {
  static const auto names = [] {
    std::vector<std::string> out;
    tables t;
    t.each([&](const char* name, lmdb::table&) {
      if (std::string_view(name) != "meta") out.emplace_back(name);
    });
    out.emplace_back("overflow");
    return out;
  }();
  return names;
}

std::string encode(const digest_record& r) {
  std::string out;
  out.reserve(head_bytes + r.sums.size() * sum_bytes + check_bytes);
  out += static_cast<char>(digest_version);
  out += static_cast<char>(r.complete ? flag_complete : 0);
  out += static_cast<char>(r.sums.size() >> 8);
  out += static_cast<char>(r.sums.size());
  append(out, r.applied);
  append(out, r.format);
  for (auto& s : r.sums) {
    append(out, s.low);
    append(out, s.high);
  }
  append(out, check_of(out));
  return out;
}

result<std::optional<digest_record>> decode_digest(std::string_view in) {
  if (in.size() < head_bytes + check_bytes) return damaged("the digest of the state is cut off");
  const auto check = lmdb::load_be64(in.data() + in.size() - check_bytes);
  in.remove_suffix(check_bytes);
  if (check != check_of(in)) return damaged("the digest of the state is damaged");
  const size_t count = static_cast<unsigned char>(in[2]) << 8 | static_cast<unsigned char>(in[3]);
  if (static_cast<uint8_t>(in[0]) != digest_version || count != counted_tables().size()) return std::optional<digest_record>();
  if (in.size() != head_bytes + count * sum_bytes) return damaged("the digest of the state is of another size");
  digest_record r;
  r.complete = (in[1] & flag_complete) != 0;
  r.applied = lmdb::load_be64(in.data() + 4);
  r.format = lmdb::load_be64(in.data() + 12);
  for (const char* p = in.data() + head_bytes; r.sums.size() < count; p += sum_bytes) r.sums.push_back({lmdb::load_be64(p), lmdb::load_be64(p + 8)});
  return std::optional(std::move(r));
}

uint64_t fingerprint_in(std::string_view encoded) { return lmdb::load_be64(encoded.data() + encoded.size() - check_bytes); }

std::string encode_applied(uint64_t index) {
  std::string out;
  append(out, index);
  append(out, check_of(out));
  return out;
}

result<applied_value> decode_applied(std::string_view in) {
  if (in.size() != 8 && in.size() != 16) return damaged("the applied index of the state is of another size");
  applied_value out{lmdb::load_be64(in.data()), in.size() == 16};
  if (out.checked && lmdb::load_be64(in.data() + 8) != check_of(in.substr(0, 8))) return damaged("the applied index of the state is damaged");
  return out;
}

result<meta_content> decode_meta(std::optional<std::string_view> format, std::optional<std::string_view> applied, std::optional<std::string_view> digest) {
  meta_content out;
  if (format && format->size() != 8) return damaged("the format of the state is of another size");
  if (format) out.format = load_number(*format);
  if (applied) {
    auto value = decode_applied(*applied);
    if (!value) return value.err();
    out.applied = *value;
  }
  if (!out.applied.checked) return out; // an older version wrote last: the record is of before
  if (!digest) return damaged("the digest of the state is missing");
  auto record = decode_digest(*digest);
  if (!record) return record.err();
  if (*record && ((*record)->applied != out.applied.index || (*record)->format != out.format)) return damaged("the digest of the state is of another moment");
  out.digest = std::move(*record);
  return out;
}

result<uint64_t> decode_level(std::optional<std::string_view> level) {
  if (level && level->size() != 8) return damaged("the level of the state's commands is of another size");
  return level ? load_number(*level) : uint64_t{1};
}

result<verified_state> judge(const lmdb::page_walk& walk, bool whole) {
  auto entry = [&](std::string_view name) {
    auto at = walk.collected().find(name);
    return at == walk.collected().end() ? std::nullopt : std::optional<std::string_view>(at->second);
  };
  auto meta = decode_meta(entry("format"), entry("applied"), entry("digest"));
  if (!meta) return meta.err();
  verified_state out;
  out.applied = meta->applied.index;
  out.format = meta->format;
  const auto level = decode_level(entry("level"));
  if (!level) return level.err();
  out.level = *level;
  if (meta->format == 0) {
    for (auto& t : walk.tables())
      if (t.entries > 0) return damaged("the state does not say of what format it is");
    return out;
  }
  if (!whole || meta->format > format_version) return out;
  auto& names = counted_tables();
  digest_record found{meta->applied.index, meta->format, true, {}};
  found.sums.resize(names.size());
  for (auto& t : walk.tables())
    for (size_t i = 0; i < names.size(); ++i)
      if (names[i] == t.name) found.sums[i] = t.sum;
  if (!meta->digest || !meta->digest->complete) {
    if (meta->digest)
      for (size_t i = 0; i < names.size(); ++i) found.sums[i] -= meta->digest->sums[i];
    out.missing = std::move(found);
    return out;
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (found.sums[i] != meta->digest->sums[i]) return damaged("the content of table \"" + names[i] + "\" is not what was written");
  out.compared = true;
  return out;
}

namespace {

struct descriptor {
  int fd;
  ~descriptor() { if (fd >= 0) ::close(fd); }
};

uint64_t applied_at(const lmdb::file_pages& pages, const lmdb::file_head& head) {
  lmdb::page_walk walk(pages, head, {.collect = "meta", .alone = true});
  (void)walk.go(); // what it collected before it met damage carries a check value
  const auto at = walk.collected().find("applied");
  if (at == walk.collected().end()) return 0;
  const auto value = decode_applied(at->second);
  return value && value->checked ? value->index : 0;
}

result<verified_state> verify(const std::string& path, bool quickly) {
  const auto opened = open_file(path, O_RDONLY);
  if (!opened) return opened.err();
  if (!*opened) return error{errc::not_found, file_error("open", path, ENOENT).text};
  const descriptor file{**opened};
  const auto in_file = [&](const error& e) { return error{e.code, path + ": " + e.text}; };
  lmdb::file_pages pages(file.fd);
  auto head = lmdb::read_head(pages);
  if (!head) return in_file(head.err());
  const bool whole = !quickly || head->used_bytes() <= whole_at_start;
  lmdb::page_walk walk(pages, *head, {.branches_only = !whole, .collect = "meta"});
  if (auto done = walk.go(); !done) return in_file(done.err());
  auto out = judge(walk, whole);
  if (!out) return in_file(out.err());
  return out;
}

} // namespace

result<verified_state> verify_file(const std::string& path) { return verify(path, false); }
result<verified_state> verify_at_start(const std::string& path) { return verify(path, true); }

uint64_t applied_in(const std::string& path) {
  const auto opened = open_file(path, O_RDONLY);
  if (!opened || !*opened) return 0;
  const descriptor file{**opened};
  lmdb::file_pages pages(file.fd);
  const auto head = lmdb::read_head(pages);
  if (!head) return 0;
  const auto newest = applied_at(pages, *head);
  const auto before = head->transaction == 0 ? result<lmdb::file_head>(error{errc::not_found, {}}) : lmdb::read_head(pages, head->transaction - 1);
  return before ? std::max(newest, applied_at(pages, *before)) : newest;
}

} // namespace actord::state
