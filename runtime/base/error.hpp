// What went wrong, for whom. Owned by value; cheap to move. No exceptions cross a module boundary: functions that can
// fail return result<T>.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace actord {

// The class of a failure; the HTTP front maps it to a status, the CLI to an exit code. Numbers can leave the process:
// append only.
enum class errc : uint8_t {
  none = 0,
  internal = 1,       // 500 with the text as it is (most of Consul's validation errors are these)
  bad_request = 2,    // 400
  not_found = 3,      // 404
  permission = 4,     // 403
  unauthorized = 5,   // 401
  too_large = 6,      // 413
  conflict = 7,       // 409
  rate_limited = 8,   // 429
  no_leader = 9,      // 500 "No cluster leader"; safe to retry: nothing was proposed
  unknown_outcome = 10, // 500; the write may or may not have happened
  unsupported = 11,   // 415
  storage_full = 12,  // 500; disk or map full; nothing was written
  corrupt = 13,       // bytes from outside that do not parse
};

struct error {
  errc code = errc::none;
  std::string text; // Consul's text where it has one
  error() = default;
  error(errc c, std::string t) : code(c), text(std::move(t)) {}
};

template <class T> class [[nodiscard]] result {
public:
  result(T value) : v_(std::in_place_index<0>, std::move(value)) {}
  result(error e) : v_(std::in_place_index<1>, std::move(e)) {}
  explicit operator bool() const { return v_.index() == 0; }
  bool ok() const { return v_.index() == 0; }
  T& value() & { return std::get<0>(v_); }
  const T& value() const& { return std::get<0>(v_); }
  T&& value() && { return std::get<0>(std::move(v_)); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &std::get<0>(v_); }
  const T* operator->() const { return &std::get<0>(v_); }
  const error& err() const { return std::get<1>(v_); }
  error& err() { return std::get<1>(v_); }

private:
  std::variant<T, error> v_;
};

// Success without a value, or an error.
class [[nodiscard]] status {
public:
  status() = default;
  status(error e) : e_(std::move(e)) {}
  explicit operator bool() const { return !e_; }
  bool ok() const { return !e_; }
  const error& err() const { return *e_; }

private:
  std::optional<error> e_;
};

} // namespace actord
