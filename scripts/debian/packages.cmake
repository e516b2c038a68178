# The Debian packages: `cpack` in a build folder that was configured for /usr (preset package; scripts/package.sh does it).
# sockdog has the agent and the command line, sockdog-relay what speaks to the network.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR sockdog)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # the first line of each description is the summary
set(CPACK_PACKAGE_CONTACT "sockdog maintainers <maintainers@sockdog.invalid>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_COMPONENTS_ALL agent relay)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(SOCKDOG_PACKAGE_RELEASE 1 CACHE STRING "Part of the version of the Debian packages after the dash")
set(CPACK_DEBIAN_PACKAGE_RELEASE ${SOCKDOG_PACKAGE_RELEASE})
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_AGENT_PACKAGE_NAME sockdog)
set(CPACK_DEBIAN_AGENT_DESCRIPTION "watchdog for leaked TCP connections
Keeps exact books on every TCP socket of the host, per process, with BPF;
recognises when a process opens connections and never lets go of them;
names the process, its systemd unit or container and the endpoint, and
tells when ports or file descriptors will run out. Where a policy allows
it, it restarts the offender and checks that the leak is gone.

This package has the daemon sockdogd and the command line sockdog. It
looks, and does nothing else until it is configured. The kernel must be
5.15 or newer, with BTF.")
# adduser is not needed: systemd-sysusers makes the group.
set(CPACK_DEBIAN_AGENT_PACKAGE_DEPENDS "systemd (>= 247) | systemd-standalone-sysusers, init-system-helpers (>= 1.54)")
set(CPACK_DEBIAN_AGENT_PACKAGE_RECOMMENDS "sockdog-relay, default-dbus-system-bus | dbus-system-bus")
set(CPACK_DEBIAN_AGENT_PACKAGE_SUGGESTS "monit")

set(CPACK_DEBIAN_RELAY_PACKAGE_NAME sockdog-relay)
set(CPACK_DEBIAN_RELAY_DESCRIPTION "delivery of sockdog's alerts
Follows the sockdogd of the same host over its control socket and
delivers what it tells to the receivers of sockdog.yaml, over the
network, with retries and a queue that outlives a restart. It runs
without any privilege, apart from the daemon that has some.")
set(CPACK_DEBIAN_RELAY_PACKAGE_DEPENDS "sockdog (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}), init-system-helpers (>= 1.54)")
set(CPACK_DEBIAN_RELAY_PACKAGE_RECOMMENDS "ca-certificates")

# One set of maintainer scripts for both: they differ in the unit and in what purge removes.
function(sockdog_control_files component package unit state)
  set(PACKAGE ${package})
  set(UNIT ${unit})
  set(STATE ${state})
  set(files "")
  foreach(script postinst prerm postrm)
    configure_file(scripts/debian/${script}.in ${CMAKE_BINARY_DIR}/debian/${package}/${script} @ONLY
                   FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    list(APPEND files ${CMAKE_BINARY_DIR}/debian/${package}/${script})
  endforeach()
  if(EXISTS ${CMAKE_SOURCE_DIR}/scripts/debian/${package}.conffiles)
    configure_file(scripts/debian/${package}.conffiles ${CMAKE_BINARY_DIR}/debian/${package}/conffiles COPYONLY)
    list(APPEND files ${CMAKE_BINARY_DIR}/debian/${package}/conffiles)
  endif()
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${files} PARENT_SCOPE)
  set(docs ${CMAKE_INSTALL_DATADIR}/doc/${package})
  install(FILES scripts/debian/copyright DESTINATION ${docs} COMPONENT ${component})
  install(FILES ${CMAKE_BINARY_DIR}/debian/changelog.Debian.gz DESTINATION ${docs} COMPONENT ${component})
  install(FILES scripts/debian/${package}.lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
          RENAME ${package} COMPONENT ${component} OPTIONAL)
endfunction()

# The version of the packages is that of the newest entry; a release is one entry more.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/debian)
execute_process(COMMAND ${GZIP} -9nc ${CMAKE_SOURCE_DIR}/scripts/debian/changelog
                OUTPUT_FILE ${CMAKE_BINARY_DIR}/debian/changelog.Debian.gz COMMAND_ERROR_IS_FATAL ANY)
# A stop may have left the books in the kernel (books.pinned: always).
set(REMOVE_MORE "sockdogd --discard-books >/dev/null 2>&1 || true")
set(PURGE_MORE "rmdir --ignore-fail-on-non-empty /etc/sockdog/sockdog.d /etc/sockdog 2>/dev/null || true")
sockdog_control_files(agent sockdog sockdogd.service /var/lib/sockdog)
set(REMOVE_MORE "rmdir --ignore-fail-on-non-empty /run/sockdog-relay 2>/dev/null || true")
set(PURGE_MORE "")
sockdog_control_files(relay sockdog-relay sockdog-relay.service "/var/lib/sockdog-relay /var/lib/private/sockdog-relay")
include(CPack)
