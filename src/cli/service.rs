//! `jq2qmt service install|remove|run`: a service of Windows. Its log is the file in the data folder.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser as _;
use tokio_util::sync::CancellationToken;
use windows_service::service::{
    ServiceAccess, ServiceAction, ServiceActionType, ServiceControl, ServiceControlAccept, ServiceErrorControl,
    ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState,
    ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{define_windows_service, service_dispatcher};

use super::{say, serve, unpanicked};
use crate::clock::Clock;
use crate::config::{AsService, CommandLine, ServiceCommand, log_filter};
use crate::files::create_private_dir;
use crate::log;

const NAME: &str = "jq2qmt";

/// An account that Windows makes for the service alone: it may do nothing that it is not given.
const ACCOUNT: &str = r"NT SERVICE\jq2qmt";

/// How long a stop may take: requests in flight are finished first.
const STOPS_WITHIN: Duration = Duration::from_secs(45);

/// After how long it is started again when it has failed, and after how long without a failure those before are forgotten.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
const FORGIVEN_AFTER: Duration = Duration::from_hours(1);

pub(super) fn run(line: &CommandLine, command: &ServiceCommand) -> anyhow::Result<()> {
    match command {
        ServiceCommand::Install => install(line),
        ServiceCommand::Remove => remove(),
        ServiceCommand::Run => service_dispatcher::start(NAME, called_by_windows)
            .context("only Windows starts this: jq2qmt service install, then sc start jq2qmt"),
    }
}

/// Makes the service, with the folders and the configuration file of this command line.
fn install(line: &CommandLine) -> anyhow::Result<()> {
    let AsService { arguments, folders, files } = line.as_service()?;
    // A service has no window: what the first start shows once would be shown to nobody.
    ensure!(
        line.places()?.database().exists(),
        "start the server once in this window first (jq2qmt, then Ctrl-C): it shows the operator's password, once"
    );
    let manager = ServiceManager::local_computer(
        None::<&str>,
        ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE,
    )
    .context("services are installed from a window that was opened as administrator")?;
    let info = ServiceInfo {
        name: NAME.into(),
        display_name: NAME.into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: std::env::current_exe()?,
        launch_arguments: arguments,
        dependencies: Vec::new(),
        account_name: Some(ACCOUNT.into()),
        account_password: None,
    };
    let service = manager.create_service(&info, ServiceAccess::CHANGE_CONFIG | ServiceAccess::START)?;
    service.set_description("Keeps target positions and tells the trading terminal their total")?;
    service.update_failure_actions(ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(FORGIVEN_AFTER),
        reboot_msg: None,
        command: None,
        actions: Some(vec![ServiceAction { action_type: ServiceActionType::Restart, delay: AGAIN_AFTER }; 3]),
    })?;
    service.set_failure_actions_on_non_crash_failures(true)?;
    say(format_args!("the service {NAME} is installed. Give it its folders and files, then start it:"))?;
    for folder in folders {
        // That of the copies may be still to come, and rights are given to what is there.
        create_private_dir(&folder)?;
        say(format_args!("    icacls \"{}\" /grant \"{ACCOUNT}:(OI)(CI)M\" /T", folder.display()))?;
    }
    for file in files {
        say(format_args!("    icacls \"{}\" /grant \"{ACCOUNT}:R\"", file.display()))?;
    }
    say(format_args!("    sc start {NAME}"))?;
    Ok(())
}

/// Stops the service and takes it away; its folders stay.
fn remove() -> anyhow::Result<()> {
    let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT)?;
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE;
    let service =
        manager.open_service(NAME, access).context("there is no such service, or this window may not remove it")?;
    service.delete()?;
    if service.query_status()?.current_state != ServiceState::Stopped {
        service.stop()?;
    }
    say(format_args!("the service {NAME} is removed; its folders stay as they are"))?;
    Ok(())
}

define_windows_service!(called_by_windows, begin);

/// What Windows calls, on a thread of its own. There is nobody to tell of an error here.
fn begin(_: Vec<OsString>) {
    let stop = CancellationToken::new();
    let told = stop.clone();
    let handler = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            told.cancel();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let Ok(status) = service_control_handler::register(NAME, handler) else { return };
    let line = CommandLine::parse();
    log::start(&log_filter(), line.log_format());
    report(status, ServiceState::Running, ServiceExitCode::NO_ERROR);
    let served = unpanicked(|| serve_until(&line, status, stop));
    // Where it did not come so far: why it failed must stand somewhere.
    if let Ok(places) = line.places() {
        log::keep_in(&places.data_dir);
    }
    log::end(served.as_ref().err());
    let code = if served.is_ok() { ServiceExitCode::NO_ERROR } else { ServiceExitCode::ServiceSpecific(1) };
    report(status, ServiceState::Stopped, code);
}

fn serve_until(line: &CommandLine, status: ServiceStatusHandle, stop: CancellationToken) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let stopped = async move {
        stop.cancelled().await;
        report(status, ServiceState::StopPending, ServiceExitCode::NO_ERROR);
    };
    let served = runtime.block_on(serve::until(line.config()?, Clock::system(), stopped));
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

/// Tells Windows how the service is. What it does not hear, it finds out by itself.
fn report(status: ServiceStatusHandle, current_state: ServiceState, exit_code: ServiceExitCode) {
    let is_running = current_state == ServiceState::Running;
    let stops = ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN;
    let _ = status.set_service_status(ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state,
        controls_accepted: if is_running { stops } else { ServiceControlAccept::empty() },
        exit_code,
        checkpoint: 0,
        wait_hint: if current_state == ServiceState::StopPending { STOPS_WITHIN } else { Duration::ZERO },
        process_id: None,
    });
}
