/* What everybody is asked once: pictures of people only with their consent. */
#include "consent.h"

#include "help.h"

#include "plugin/intl.h"

gboolean
consent_ask (GtkWindow *parent)
{
  GtkWidget *dialog = gtk_message_dialog_new (parent, GTK_DIALOG_MODAL, GTK_MESSAGE_INFO, GTK_BUTTONS_NONE,
                                              "%s", _("Pictures of people"));
  int response;

  gtk_message_dialog_format_secondary_text (GTK_MESSAGE_DIALOG (dialog), "%s", _(
    "Use pictures of people only with their consent: of the person who comes in, and of the person who "
    "goes. Do not deceive with the results.\n\n"
    "Everything is computed on this machine. Results carry a note that they were made with this plug-in; "
    "you can leave it out under Advanced."));
  gtk_window_set_title (GTK_WINDOW (dialog), _("Before You Begin"));
  gtk_dialog_add_buttons (GTK_DIALOG (dialog), GTK_STOCK_HELP, GTK_RESPONSE_HELP, _("_Cancel"),
                          GTK_RESPONSE_CANCEL, _("I _Agree"), GTK_RESPONSE_OK, NULL);
  gtk_dialog_set_default_response (GTK_DIALOG (dialog), GTK_RESPONSE_OK);
  while ((response = gtk_dialog_run (GTK_DIALOG (dialog))) == GTK_RESPONSE_HELP)
    help_show (GTK_WINDOW (dialog), "consent.html");
  gtk_widget_destroy (dialog);
  return response == GTK_RESPONSE_OK;
}
