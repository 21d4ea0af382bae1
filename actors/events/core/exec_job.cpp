#include "actors/events/core/exec_job.hpp"
#include "runtime/base/json_codec.hpp"
#include <fmt/format.h>

namespace actord::events {
namespace {

constexpr nanos quiet = std::chrono::milliseconds(500);
constexpr nanos least_heartbeat = std::chrono::milliseconds(100); // whatever a job asks for: each is a write to the cluster

std::string_view trimmed(std::string_view part) {
  while (part.starts_with('/')) part.remove_prefix(1);
  while (part.ends_with('/')) part.remove_suffix(1);
  return part;
}

} // namespace

result<exec_address> decode_exec_address(std::string_view json) {
  exec_address out;
  if (auto s = from_json(json, out, {.allow_unknown = true}); !s) return s.err();
  return out;
}

result<exec_job> decode_exec_job(std::string_view json) {
  exec_job out;
  if (auto s = from_json(json, out, {.allow_unknown = true}); !s) return s.err();
  return out;
}

std::string exec_key(const exec_address& at, std::string_view rest) {
  std::string out;
  for (auto part : {trimmed(at.prefix), trimmed(at.session), trimmed(rest)})
    if (!part.empty()) out += (out.empty() ? "" : "/") + std::string(part);
  return out;
}

std::string exec_output_key(const exec_address& at, std::string_view node, uint32_t number) {
  return exec_key(at, fmt::format("{}/out/{:05x}", node, number));
}

void exec_output::add(std::string_view bytes, nanos now) {
  waiting_ += bytes;
  came_at_ = now;
}

std::optional<std::string> exec_output::next(nanos now) {
  const bool full = waiting_.size() >= exec_chunk, rest = !waiting_.empty() && (finished_ || now - came_at_ >= quiet);
  const bool beat = waiting_.empty() && !finished_ && now - sent_at_ >= std::max(heartbeat_, least_heartbeat);
  if (!full && !rest && !beat) return std::nullopt;
  auto piece = waiting_.substr(0, exec_chunk);
  waiting_.erase(0, piece.size());
  sent_at_ = now;
  return piece;
}

} // namespace actord::events
