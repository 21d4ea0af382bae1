// The vocabulary in which records describe themselves, once. A record has
//
//   template <class V, class Self> static void fields(V&& v, Self& self) { v("Key", self.key); v("Value", self.value, {.bytes = true}); }
//
// in the order of Consul's JSON; JSON, msgpack and filter selectors are visitors of that description (json_codec.hpp,
// msgpack_codec.hpp, api/http/core/filter). msgpack sorts the names itself.
#pragma once
#include "runtime/base/duration.hpp"
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace actord {

struct attr {
  bool omit_empty = false;   // JSON: left out when zero
  bool bytes = false;        // a byte string: base64 in JSON (null when empty), nil in msgpack when empty
  bool numeric = false;      // a duration that is a number of nanoseconds in JSON, too, not text
  bool json = true;          // false: the JSON of this record does not know the field
  bool msgpack = true;       // false: the msgpack of this record does not know the field
  bool filter = true;        // false: no selector of ?filter=
  const char* alias = nullptr; // a second spelling that JSON input accepts
};

// A Go slice or map: remembers whether it was ever set, because nil is `null` in JSON and c0 in msgpack while an empty
// one is `[]`/`{}` and 90/80. Filling it makes it not nil.
template <class C> struct nilable : C {
  bool set = false;
  using C::C;
  nilable() = default;
  nilable(C c) : C(std::move(c)), set(true) {}
  nilable(std::initializer_list<typename C::value_type> l) : C(l), set(true) {}
  bool is_nil() const { return !set && this->empty(); }
  bool operator==(const nilable& o) const { return static_cast<const C&>(*this) == static_cast<const C&>(o); }
};
template <class T> using list_of = nilable<std::vector<T>>;
template <class T> using map_of = nilable<std::map<std::string, T, std::less<>>>;
using string_slice = list_of<std::string>;
using string_table = map_of<std::string>;

// A pointer to a record that may be nil; copies deeply.
template <class T> class boxed {
public:
  boxed() = default;
  boxed(T v) : p_(std::make_unique<T>(std::move(v))) {}
  boxed(const boxed& o) : p_(o.p_ ? std::make_unique<T>(*o.p_) : nullptr) {}
  boxed(boxed&&) noexcept = default;
  boxed& operator=(boxed o) noexcept { p_ = std::move(o.p_); return *this; }
  explicit operator bool() const { return p_ != nullptr; }
  T& operator*() { return *p_; }
  const T& operator*() const { return *p_; }
  T* operator->() { return p_.get(); }
  const T* operator->() const { return p_.get(); }
  T& emplace() { p_ = std::make_unique<T>(); return *p_; }
  void reset() { p_.reset(); }
  bool operator==(const boxed& o) const { return (!p_ && !o.p_) || (p_ && o.p_ && *p_ == *o.p_); }

private:
  std::unique_ptr<T> p_;
};

// A free-form value (Proxy.Config, auth method Config …) as Go's map[string]interface{} holds it.
struct free_value {
  using list = std::vector<free_value>;
  using object = std::map<std::string, free_value>;
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, list, object> v;
  bool operator==(const free_value&) const = default;
};
using free_map = map_of<free_value>;

// Go's time.Time: nanoseconds since the Unix epoch would not reach year 1, hence seconds and nanoseconds apart.
struct wall_time {
  int64_t seconds = -62135596800; // Unix seconds; this is Go's zero time, 0001-01-01T00:00:00Z
  int32_t nanos = 0;
  int16_t zone_minutes = -1; // -1 is UTC
  bool is_zero() const { return seconds == -62135596800 && nanos == 0; }
  bool operator==(const wall_time&) const = default;
};

template <class T> concept record = requires(T& t) { T::fields([](auto&&...) {}, t); };

template <class T> struct is_nilable_list : std::false_type {};
template <class T> struct is_nilable_list<nilable<std::vector<T>>> : std::true_type {};
template <class T> struct is_nilable_map : std::false_type {};
template <class T> struct is_nilable_map<nilable<std::map<std::string, T, std::less<>>>> : std::true_type {};
template <class T> struct is_boxed : std::false_type {};
template <class T> struct is_boxed<boxed<T>> : std::true_type {};

// Zero in the sense of Go's omitempty.
template <class T> bool is_empty_value(const T& x) {
  if constexpr (std::is_same_v<T, bool>) return !x;
  else if constexpr (std::is_arithmetic_v<T>) return x == 0;
  else if constexpr (std::is_same_v<T, nanos>) return x.count() == 0;
  else if constexpr (is_boxed<T>::value) return !x;
  else if constexpr (std::is_same_v<T, wall_time>) return false; // a struct is never empty to Go
  else if constexpr (record<T>) return false;
  else return x.empty();
}

} // namespace actord
