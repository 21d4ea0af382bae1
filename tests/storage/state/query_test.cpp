#include "fixture.hpp"
#include "storage/command/query_rules.hpp"
#include "storage/state/read_view_long.hpp"
#include "storage/state/template_cache.hpp"

using namespace actord;
using namespace actord::test;

namespace {

constexpr std::string_view a_id = "adf4238a-882b-9ddc-4a9d-5b6758e4159e", b_id = "bdf4238a-882b-9ddc-4a9d-5b6758e4159e", c_id = "cdf4238a-882b-9ddc-4a9d-5b6758e4159e";

prepared_query query_of(std::string_view id, std::string name, std::string service = "web") {
  prepared_query q;
  q.id = id;
  q.name = std::move(name);
  q.service.service = std::move(service);
  return q;
}
prepared_query template_of(std::string_view id, std::string name, std::string service) {
  auto q = query_of(id, std::move(name), std::move(service));
  q.pattern.type = "name_prefix_match";
  return q;
}

struct query_fixture : store_fixture {
  std::string apply(std::string op, prepared_query q) {
    query_request r{"dc1", std::move(op), {}, ""};
    r.query.emplace() = std::move(q);
    return run(encode_command(command_kind::prepared_query, r)).failure.text;
  }
  std::string create(prepared_query q) { return apply("create", std::move(q)); }
  std::string update(prepared_query q) { return apply("update", std::move(q)); }
  std::string remove(std::string_view id) { return apply("delete", query_of(id, "")); }
  // "id service", or what went wrong
  std::string resolved(std::string_view name) {
    auto found = reading->open().resolve_query(name, "");
    if (!found) return found.err().text;
    return *found ? (*found)->id.substr(0, 1) + " " + (*found)->service.service : "none";
  }
  size_t count() {
    query_meta m;
    return reading->open().queries(m).size();
  }
};

} // namespace

TEST_CASE_FIXTURE(query_fixture, "a query is found by its id and its name, in any case, also after a restart") {
  CHECK(create(query_of(a_id, "Geo")) == "");
  CHECK(touched(topic_kind::queries));
  CHECK(resolved("geo") == "a web");
  CHECK(resolved("ADF4238A-882B-9DDC-4A9D-5B6758E4159E") == "a web");
  CHECK(resolved("ge") == "none");
  CHECK(resolved("") == "none");
  reopen();
  CHECK(resolved("GEO") == "a web");
  query_meta m;
  auto found = reading->open().query(a_id, m);
  REQUIRE(found.ok());
  REQUIRE(found->has_value());
  CHECK((*found)->create_index == changes.index.v);
  CHECK(m.index == changes.index.v);
  CHECK(reading->open().query("geo", m).err().text == "failed prepared query lookup: index error: UUID must be 36 characters");
}

TEST_CASE_FIXTURE(query_fixture, "names are told apart, and a renamed query is not found by its old one") {
  CHECK(create(query_of(a_id, "geo")) == "");
  CHECK(create(query_of(b_id, "GEO")) == "name 'GEO' aliases an existing query name");
  CHECK(create(query_of(b_id, std::string(a_id))) == "name '" + std::string(a_id) + "' aliases an existing query ID");
  CHECK(update(query_of(a_id, "other", "db")) == "");
  CHECK(resolved("geo") == "none");
  CHECK(resolved("other") == "a db");
  CHECK(create(query_of(b_id, "geo")) == "");
  CHECK(count() == 2);
}

TEST_CASE_FIXTURE(query_fixture, "what is not there is not changed") {
  CHECK(update(query_of(a_id, "x")) == "Cannot modify non-existent prepared query: '" + std::string(a_id) + "'");
  CHECK(remove(a_id) == "Cannot modify non-existent prepared query: '" + std::string(a_id) + "'");
  CHECK(remove("x") == "Prepared Query lookup failed: failed prepared query lookup: index error: UUID must be 36 characters");
  CHECK(apply("what", query_of(a_id, "x")) == "Invalid PreparedQuery operation 'what'");
  CHECK_FALSE(touched(topic_kind::queries));
  CHECK(create(query_of(a_id, "x")) == "");
  CHECK(remove(a_id) == "");
  CHECK(touched(topic_kind::queries));
  CHECK(count() == 0);
  CHECK(resolved("x") == "none");
}

TEST_CASE_FIXTURE(query_fixture, "the template with the longest beginning of a name is filled in") {
  CHECK(create(template_of(a_id, "", "all-${name.full}")) == "");
  CHECK(create(template_of(b_id, "geo-", "${name.suffix}")) == "");
  CHECK(create(template_of(c_id, "geo-db-", "db-${name.suffix}-${name.prefix}")) == "");
  CHECK(resolved("geo-web") == "b web");
  CHECK(resolved("GEO-DB-one") == "c db-GEO-DB-one-geo-db-"); // the suffix is cut off in the same case only, as Consul does
  CHECK(resolved("geo-db-one") == "c db-one-geo-db-");
  CHECK(resolved("else") == "a all-else");
  CHECK(resolved(std::string(1000, 'x')) == "a all-" + std::string(1000, 'x'));
  CHECK(resolved(std::string(5000, 'x')) == "Name is too long for the template '': 5000 bytes (limit: 1024)");
  CHECK(resolved(b_id) == "prepared query templates can only be resolved up by name, not by ID");
  CHECK(create(template_of("ddf4238a-882b-9ddc-4a9d-5b6758e4159e", "", "x")) == "a query template with an empty name already exists");
  CHECK(remove(b_id) == "");
  CHECK(resolved("geo-web") == "a all-geo-web");
  CHECK(create(query_of(b_id, "geo-web", "exact")) == "");
  CHECK(resolved("geo-web") == "b exact");
}

TEST_CASE_FIXTURE(query_fixture, "few letters and many templates, or the other way round, give the same template") {
  for (int i = 0; i < 50; ++i)
    CHECK(create(template_of(std::to_string(100 + i) + "4238a-882b-9ddc-4a9d-5b6758e4159e", std::string(static_cast<size_t>(i + 1), 'a'), std::to_string(i + 1))) == "");
  CHECK(resolved("aaab") == "1 3");
  CHECK(resolved(std::string(60, 'a')) == "1 50");
  CHECK(resolved("b") == "none");
}

TEST_CASE_FIXTURE(query_fixture, "a template that cannot be filled in is refused") {
  CHECK(create(template_of(a_id, "t-", "${name.foo}")) ==
        "failed compiling template: Bad evaluation for '${name.foo}' in Service.Service: 1:3: unknown variable accessed: name.foo");
  auto q = template_of(a_id, "t-", "x");
  q.service.tags = {"${"};
  CHECK(create(q) == "failed compiling template: Bad format '${' in Service.Tags[0]: parse error: syntax error");
  q.service.tags = {"${match(1)}", "x"};
  q.pattern.regexp = "(";
  CHECK(create(q) == "failed compiling template: Bad Regexp: error parsing regexp: missing closing ): `(`");
  q.pattern.regexp = "^t-(.*)$";
  q.pattern.remove_empty_tags = true;
  CHECK(create(q) == "");
  auto found = reading->open().resolve_query("t-", "");
  REQUIRE(found.ok());
  CHECK((*found)->service.tags == string_slice{"x"});
  found = reading->open().resolve_query("t-y", "");
  CHECK((*found)->service.tags == string_slice{"y", "x"});
  q.pattern.type = "foo";
  CHECK(update(q) == "failed compiling template: Bad Template.Type 'foo'");
}

TEST_CASE_FIXTURE(query_fixture, "a template that is too large for new ones is applied, and says so when it is asked for") {
  std::string ones;
  for (int i = 0; i < 5000; ++i) ones += "${1}";
  CHECK(create(template_of(a_id, "many-", ones)) == "");
  CHECK(create(template_of(b_id, "long-", std::string(70000, 'x'))) == "");
  CHECK(count() == 2);
  CHECK(resolved("many-a") == "Template is too large: more interpolations and texts than 4096");
  CHECK(resolved("long-a") == "Template is too large: 70000 bytes of text (limit: 65536)");
  CHECK(reading->open().resolve_query("long-a", "").err().code == errc::internal);
}

TEST_CASE_FIXTURE(query_fixture, "a template that was asked for before is not an older one") {
  CHECK(create(template_of(a_id, "t-", "one-${name.suffix}")) == "");
  CHECK(resolved("t-a") == "a one-a");
  CHECK(resolved("t-b") == "a one-b");
  auto view = reading->open();
  reader second(*store);
  CHECK(update(template_of(a_id, "t-", "two-${name.suffix}")) == "");
  auto before = view.resolve_query("t-a", "");
  REQUIRE(before.ok());
  CHECK((*before)->service.service == "one-a"); // of the state that the view shows
  auto now = second.open().resolve_query("t-a", "");
  REQUIRE(now.ok());
  CHECK((*now)->service.service == "two-a");
  CHECK((*view.resolve_query("t-a", ""))->service.service == "one-a");
}

TEST_CASE_FIXTURE(query_fixture, "a read that others wait for gives up before a long template") {
  CHECK(create(template_of(a_id, "short-", "${name.suffix}")) == "");
  CHECK(create(template_of(b_id, "long-", std::string(65000, 'x'))) == "");
  auto heavy = template_of(c_id, "heavy-", "${match(0)}");
  heavy.pattern.regexp = "^heavy-(a?){200}";
  CHECK(create(heavy) == "");
  auto gives_up = [&](const std::string& name) {
    bounded_read bound(true);
    (void)reading->open().resolve_query(name, "");
    return bound.gave_up();
  };
  CHECK_FALSE(gives_up("short-a"));
  CHECK(gives_up("long-a"));
  CHECK(resolved("long-a").size() > 65000); // compiled where nobody waits
  CHECK_FALSE(gives_up("long-b"));
  CHECK(resolved("heavy-a") == "c heavy-a");
  CHECK_FALSE(gives_up("heavy-a"));
  CHECK(gives_up("heavy-" + std::string(1000, 'a')));
}

TEST_CASE("compiled templates are kept up to a bound, those that were asked for last") {
  auto compiled = [](std::string service) {
    auto made = compiled_template::compile(template_of(a_id, "t-", std::move(service)));
    REQUIRE(made.ok());
    return *made;
  };
  const auto one = compiled("x");
  state::template_cache kept(3 * one.weight() + 100);
  kept.keep("1", "a", one);
  kept.keep("2", "b", one);
  kept.keep("3", "c", one);
  CHECK(kept.find("1", "a"));
  CHECK_FALSE(kept.find("1", "b")); // another record
  kept.keep("4", "d", one);
  CHECK_FALSE(kept.find("2", "b"));
  CHECK((kept.find("1", "a") && kept.find("3", "c") && kept.find("4", "d")));
  kept.keep("4", "e", one);
  CHECK_FALSE(kept.find("4", "d"));
  CHECK((kept.find("1", "a") && kept.find("3", "c") && kept.find("4", "e")));
  kept.keep("5", "f", compiled(std::string(60000, 'x'))); // is more than all
  CHECK(kept.weight() == 0);
}

TEST_CASE_FIXTURE(query_fixture, "a query goes with the session that it is bound to") {
  auto q = query_of(a_id, "bound");
  q.session = b_id;
  CHECK(create(q) == "invalid session \"" + std::string(b_id) + "\"");
  put(node_only("n1"));
  session_request s{"dc1", "create", {}, ""};
  s.session.id = b_id;
  s.session.node = "n1";
  run(encode_command(command_kind::session, s));
  CHECK(create(q) == "");
  CHECK(create(query_of(c_id, "free")) == "");
  q.session = "nope";
  CHECK(update(q) == "invalid session: index error: UUID must be 36 characters");
  drop("n1");
  CHECK(touched(topic_kind::queries));
  CHECK(count() == 1);
  CHECK(resolved("bound") == "none");
}
