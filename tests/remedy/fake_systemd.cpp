// The stand-in for org.freedesktop.systemd1, as a process of its own: what it was asked goes into a pipe,
// line by line.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string>

#include "remedy/private_bus.h"
#include "remedy/sd_ptr.h"

namespace sockdog::testing {
namespace {

constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnitPath = "/org/freedesktop/systemd1/unit/one";
constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kService = "org.freedesktop.systemd1.Service";
constexpr const char* kJobPath = "/org/freedesktop/systemd1/job/17";
constexpr const char* kOwnJobPath = "/org/freedesktop/systemd1/job/18";
constexpr const char* kJob = "org.freedesktop.systemd1.Job";

struct Server {
    std::string address;
    UnitScript script;
    int log_fd;
    std::string unit;  // that was asked for last
};

Server& server_of(void* userdata) {
    return *static_cast<Server*>(userdata);
}

void log(const Server& server, const std::string& line) {
    const std::string out = line + "\n";
    (void)!::write(server.log_fd, out.data(), out.size());
}

int on_subscribe(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
    log(server_of(userdata), "Subscribe");
    return sd_bus_reply_method_return(m, "");
}

int on_load(sd_bus_message* m, void* userdata, sd_bus_error* error) {
    Server& server = server_of(userdata);
    const char* name = nullptr;
    if (sd_bus_message_read(m, "s", &name) < 0) return -EINVAL;
    server.unit = name;
    log(server, "LoadUnit " + server.unit);
    if (server.script.hang_on_load) return 1;
    if (!server.script.load_error.empty()) {
        return sd_bus_error_set(error, server.script.load_error.c_str(), "Unit cannot be loaded.\x01");
    }
    return sd_bus_reply_method_return(m, "o", kUnitPath);
}

/// JobRemoved, from `bus`: of the manager, or forged by somebody else.
int emit_removed(sd_bus* bus, const char* job, const std::string& unit, const char* result) {
    return sd_bus_emit_signal(bus, kManagerPath, kManager, "JobRemoved", "uoss", 17U, job, unit.c_str(),
                              result);
}

int emit_forged(const Server& server) {
    sd_bus* other = nullptr;
    int r = sd_bus_new(&other);
    const SdPtr<sd_bus> owner(other);
    if (r >= 0) r = sd_bus_set_address(other, server.address.c_str());
    if (r >= 0) r = sd_bus_set_bus_client(other, 1);
    if (r >= 0) r = sd_bus_start(other);
    if (r >= 0) r = emit_removed(other, kJobPath, server.unit, "done");
    if (r >= 0) r = sd_bus_flush(other);
    return r;
}

int on_restart(sd_bus_message* m, void* userdata, sd_bus_error* error) {
    Server& server = server_of(userdata);
    const char* name = nullptr;
    const char* mode = nullptr;
    if (sd_bus_message_read(m, "ss", &name, &mode) < 0) return -EINVAL;
    log(server, "TryRestartUnit " + std::string(name) + " " + mode);
    const UnitScript& script = server.script;
    if (!script.restart_error.empty())
        return sd_bus_error_set(error, script.restart_error.c_str(), "Access denied.");
    sd_bus* bus = sd_bus_message_get_bus(m);
    // Other jobs end all the time.
    int r = emit_removed(bus, "/org/freedesktop/systemd1/job/16", "other.service", "failed");
    if (r >= 0 && script.signal_before_reply)
        r = emit_removed(bus, kJobPath, name, script.job_result.c_str());
    if (r >= 0) r = sd_bus_reply_method_return(m, "o", kJobPath);
    if (r >= 0) r = sd_bus_flush(bus);
    if (r >= 0 && script.forged_signal_only) return emit_forged(server);
    if (r >= 0 && !script.signal_before_reply && !script.job_result.empty()) {
        r = emit_removed(bus, kJobPath, name, script.job_result.c_str());
    }
    return r < 0 ? r : 1;
}

int get_text(sd_bus* /*bus*/, const char* /*path*/, const char* /*interface*/, const char* property,
             sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
    const Server& server = server_of(userdata);
    const std::string name = property;
    std::string value;
    if (name == "Id") value = server.script.id.empty() ? server.unit : server.script.id;
    if (name == "LoadState") value = server.script.load_state;
    if (name == "ActiveState") value = server.script.active_state;
    if (name == "ControlGroup") value = server.script.control_group;
    if (name == "Description") value = "a property that nobody reads";
    return sd_bus_message_append(reply, "s", value.c_str());
}

int get_flag(sd_bus* /*bus*/, const char* /*path*/, const char* /*interface*/, const char* property,
             sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
    const UnitScript& script = server_of(userdata).script;
    const std::string name = property;
    bool value = name == "CanStop";
    if (name == "CanStart") value = script.can_start;
    if (name == "RefuseManualStop") value = script.refuse_manual_stop;
    return sd_bus_message_append(reply, "b", static_cast<int>(value));
}

int get_job(sd_bus* /*bus*/, const char* /*path*/, const char* /*interface*/, const char* /*property*/,
            sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
    const UnitScript& script = server_of(userdata).script;
    return sd_bus_message_append(reply, "(uo)", script.job_id, script.job_type.empty() ? "/" : kOwnJobPath);
}

int get_job_type(sd_bus* /*bus*/, const char* /*path*/, const char* /*interface*/, const char* /*property*/,
                 sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
    return sd_bus_message_append(reply, "s", server_of(userdata).script.job_type.c_str());
}

int on_unit_by_pid(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
    Server& server = server_of(userdata);
    std::uint32_t pid = 1;
    if (sd_bus_message_read(m, "u", &pid) < 0) return -EINVAL;
    log(server, "GetUnitByPID " + std::to_string(pid));
    if (server.script.hang_on_load) return 1;
    return sd_bus_reply_method_return(m, "o", kUnitPath);
}

int get_required_by(sd_bus* /*bus*/, const char* /*path*/, const char* /*interface*/,
                    const char* /*property*/, sd_bus_message* reply, void* userdata,
                    sd_bus_error* /*error*/) {
    int r = sd_bus_message_open_container(reply, 'a', "s");
    for (const auto& unit : server_of(userdata).script.required_by) {
        if (r >= 0) r = sd_bus_message_append(reply, "s", unit.c_str());
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

const sd_bus_vtable kManagerTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Subscribe", "", "", on_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("LoadUnit", "s", "o", on_load, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("GetUnitByPID", "u", "o", on_unit_by_pid, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("TryRestartUnit", "ss", "o", on_restart, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
    SD_BUS_VTABLE_END,
};
const sd_bus_vtable kUnitTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Id", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("Description", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("LoadState", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("ActiveState", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("CanStart", "b", get_flag, 0, 0),
    SD_BUS_PROPERTY("CanStop", "b", get_flag, 0, 0),
    SD_BUS_PROPERTY("RefuseManualStart", "b", get_flag, 0, 0),
    SD_BUS_PROPERTY("RefuseManualStop", "b", get_flag, 0, 0),
    SD_BUS_PROPERTY("Job", "(uo)", get_job, 0, 0),
    SD_BUS_PROPERTY("RequiredBy", "as", get_required_by, 0, 0),
    SD_BUS_VTABLE_END,
};
const sd_bus_vtable kJobTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("JobType", "s", get_job_type, 0, 0),
    SD_BUS_VTABLE_END,
};
const sd_bus_vtable kServiceTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("ControlGroup", "s", get_text, 0, 0),
    SD_BUS_VTABLE_END,
};

int serve(Server& server) {
    sd_event* event = nullptr;
    sd_bus* bus = nullptr;
    int r = sd_event_new(&event);
    if (r >= 0) r = sd_bus_new(&bus);
    if (r >= 0) r = sd_bus_set_address(bus, server.address.c_str());
    if (r >= 0) r = sd_bus_set_bus_client(bus, 1);
    if (r >= 0) r = sd_bus_start(bus);
    if (r >= 0) r = sd_bus_add_object_vtable(bus, nullptr, kManagerPath, kManager, kManagerTable, &server);
    if (r >= 0) r = sd_bus_add_object_vtable(bus, nullptr, kUnitPath, kUnit, kUnitTable, &server);
    if (r >= 0) r = sd_bus_add_object_vtable(bus, nullptr, kUnitPath, kService, kServiceTable, &server);
    if (r >= 0) r = sd_bus_add_object_vtable(bus, nullptr, kOwnJobPath, kJob, kJobTable, &server);
    if (r >= 0) r = sd_bus_request_name(bus, "org.freedesktop.systemd1", 0);
    if (r >= 0) r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
    if (r < 0) return r;
    log(server, "ready");
    return sd_event_loop(event);
}

}  // namespace

[[noreturn]] void serve_fake_systemd(const std::string& address, const UnitScript& script, int log_fd) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
    Server server{address, script, log_fd, {}};
    const int r = serve(server);
    log(server, "error " + std::to_string(r));
    ::_exit(r < 0 ? 1 : 0);
}

}  // namespace sockdog::testing
