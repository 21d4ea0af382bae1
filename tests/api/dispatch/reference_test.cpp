// The tables of endpoints: the list that is only appended to, and the page api/endpoints/reference.md, which is made from them
// (ACTORD_REWRITE=1 writes it).
#include "api/dispatch/questions.hpp"
#include "storage/command/table.hpp"
#include "tests/support/tests_folder.hpp"
#include <doctest/doctest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace actord;
namespace ep = actord::endpoints;

namespace {

// Allows everything and notes what it was asked.
struct recorder final : ep::authorizer {
  mutable std::set<std::string> asked;
  bool allows(ep::access a, ep::resource r, std::string_view) const override {
    static constexpr const char* accesses[] = {"read", "list", "write"};
    static constexpr const char* resources[] = {"key", "node", "service", "session", "operator", "query", "event", "keyring"};
    asked.insert(std::string(resources[static_cast<size_t>(r)]) + ":" + accesses[static_cast<size_t>(a)]);
    return true;
  }
  std::string text() const {
    std::string out;
    for (auto& one : asked) (out += out.empty() ? "" : ", ") += one;
    return out.empty() ? "-" : out;
  }
};

// Arguments in which all that is looked at is there.
template <class Args> Args some_arguments() {
  Args a;
  if constexpr (requires { a.service->service; }) a.service.emplace().service = "web";
  if constexpr (requires { a.ops; }) a.ops.emplace_back().kv.emplace().verb = kv_set;
  return a;
}

// The names of a record's fields, without those of every read's options; "-" of what is none.
template <class T> std::string fields_of() {
  if constexpr (requires(T& t) { T::fields([](std::string_view, auto&, const attr& = {}) {}, t); }) {
    static const std::set<std::string_view> options = [] {
      std::set<std::string_view> all;
      rpc::read_options o;
      rpc::read_options::fields([&](std::string_view name, auto&, const attr& = {}) { all.insert(name); }, o);
      rpc::reply_meta m;
      rpc::reply_meta::fields([&](std::string_view name, auto&, const attr& = {}) { all.insert(name); }, m);
      return all;
    }();
    T sample{};
    std::string out;
    T::fields([&](std::string_view name, auto&, const attr& = {}) {
      if (!options.contains(name)) (out += out.empty() ? "" : " ") += name;
    }, sample);
    return out.empty() ? "-" : out;
  } else if constexpr (std::is_same_v<T, bool>) return "a boolean";
  else if constexpr (std::is_same_v<T, std::string>) return "a text";
  else if constexpr (is_boxed<T>::value) return fields_of<std::remove_cvref_t<decltype(*std::declval<T&>())>>();
  else if constexpr (is_nilable_map<T>::value) return "a map";
  else if constexpr (std::is_same_v<T, string_slice>) return "list of a text";
  else return "list of " + fields_of<typename T::value_type>();
}

template <const auto& E> void write_arguments(std::ostream& out, std::string_view what) {
  using endpoint = std::remove_cvref_t<decltype(E)>;
  using arguments = typename endpoint::arguments;
  recorder who;
  CHECK(E.may(who, some_arguments<arguments>()));
  out << "\n### " << E.name << "\n\n" << what << "; needs: " << who.text();
}

template <const auto& E> void write_read(std::ostream& out) {
  using endpoint = std::remove_cvref_t<decltype(E)>;
  using kind = typename endpoint::kind;
  write_arguments<E>(out, E.waits ? "read, may block" : "read");
  if constexpr (kind::is_rows) {
    recorder who;
    typename kind::row r{};
    if constexpr (requires { r.service_name; }) r.service_name = "web";
    (void)E.sees(who, r);
    out << "; row: " << who.text();
  }
  if (E.filters) out << "; filter";
  if (E.index) out << "; kept";
  out << "\n- arguments: " << fields_of<typename endpoint::arguments>() << "\n- answer: " << (E.field.empty() ? "" : std::string(E.field) + ": ");
  if constexpr (kind::is_rows) out << "list of ";
  out << fields_of<typename kind::row>() << "\n";
}

template <const auto& E> void write_change(std::ostream& out) {
  using endpoint = std::remove_cvref_t<decltype(E)>;
  write_arguments<E>(out, "change, command `" + std::string(row_of(std::string(1, static_cast<char>(E.command)))->name) + "`");
  out << "\n- arguments: " << fields_of<typename endpoint::arguments>() << "\n- answer: " << fields_of<typename endpoint::answer>()
      << (E.conditional ? ", of a condition" : "") << "\n";
}

template <const auto& E> void write_question(std::ostream& out) {
  using endpoint = std::remove_cvref_t<decltype(E)>;
  write_arguments<E>(out, E.changes ? "told an actor" : "asked of an actor");
  if (E.datacenter != dispatch::names::ours) out << (E.datacenter == dispatch::names::any ? "; of any datacenter" : "; the datacenter may be left out");
  out << "\n- arguments: " << fields_of<typename endpoint::arguments>() << "\n- answer: " << fields_of<typename endpoint::answer>() << "\n";
}

std::string reference() {
  std::map<std::string_view, std::string> sections;
  const auto keep = [&](std::string_view name, auto write) {
    std::ostringstream out;
    write(out);
    CHECK(sections.emplace(name, out.str()).second);
  };
  ep::reads::each([&]<const auto& E>() { keep(E.name, write_read<E>); });
  ep::changes::each([&]<const auto& E>() { keep(E.name, write_change<E>); });
  dispatch::questions::each([&]<const auto& E>() { keep(E.name, write_question<E>); });
  std::string out = "# Endpoints\n\nMade from the tables by `ACTORD_REWRITE=1 test_api_dispatch -tc='the reference*'`. Reads are carried out by a server whose state is\n"
                    "current (unless they say `AllowStale`), and have Consul's QueryOptions beside their arguments; changes by way of the leader. *row*: what a\n"
                    "token needs to see one; *kept*: equal answers are encoded once; *may block*: with `MinQueryIndex`.\n";
  for (auto& [name, text] : sections) out += text;
  return out;
}

std::string file(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

TEST_CASE("every endpoint of the tables is in the list that is only appended to, and no other") {
  std::set<std::string> listed, names;
  std::istringstream all(file(test::tests_folder() + "/golden/endpoints.list"));
  for (std::string line; std::getline(all, line);) CHECK(listed.insert(line).second);
  const auto note = [&]<const auto& E>() { CHECK(names.insert(std::string(E.name)).second); };
  ep::reads::each(note);
  ep::changes::each(note);
  dispatch::questions::each(note);
  CHECK(names == listed);
}

TEST_CASE("the reference page is what the tables say") {
  const auto path = std::filesystem::path(test::tests_folder()).parent_path() / "api/endpoints/reference.md";
  if (std::getenv("ACTORD_REWRITE")) std::ofstream(path) << reference();
  CHECK_MESSAGE(file(path) == reference(), "write it anew: ACTORD_REWRITE=1 test_api_dispatch -tc='the reference*'");
}
